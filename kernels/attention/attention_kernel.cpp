#include "kernels/attention/attention_kernel.h"

#include <algorithm>

#include "kernels/attention/attention_rows.h"
#include "kernels/gemm/pack.h"
#include "kernels/scratch.h"

namespace tegula::kernels {
namespace {

// Scores of one block of rows: half of a 1 MiB L2, beside the packed keys and values.
constexpr int64_t kScoreBytes = 512 << 10;

struct Sizes : AttentionSizes {
  int64_t rows;

  Sizes(const AttentionDesc& desc, const AttentionKernel::Operands& o)
      : AttentionSizes(desc.heads, desc.kv_heads, o.q, o.k, o.v), rows(AttentionSizes::rows(kScoreBytes)) {}

  // k^T [dim, seq_kv] and v [seq_kv, value_dim] as gemm weights.
  PackedMatrix packed_k() const { return {Packing::kN16K1, 1, dim, seq_kv}; }
  PackedMatrix packed_v() const { return {Packing::kN16K1, 1, seq_kv, value_dim}; }
};

/// Parts of a worker's scratch, in bytes from its start.
struct Layout {
  std::size_t k, v, scores, mask, gemm, end;

  Layout(const GemmKernel& gemm_kernel, const Sizes& s) {
    k = 0;
    v = k + whole_lines(static_cast<std::size_t>(s.packed_k().bytes()));
    scores = v + whole_lines(static_cast<std::size_t>(s.packed_v().bytes()));
    mask = scores + whole_lines(static_cast<std::size_t>(s.rows * s.seq_kv) * 4);
    gemm = mask + whole_lines(static_cast<std::size_t>(s.seq_kv) * 4);
    end = gemm +
          std::max(gemm_kernel.scratch_bytes(s.score_shape(s.rows)), gemm_kernel.scratch_bytes(s.value_shape(s.rows)));
  }
};

}  // namespace

int64_t AttentionKernel::blocks(const Operands& operands, int workers) const {
  return Sizes(desc_, operands).blocks(workers);
}

std::size_t AttentionKernel::scratch_bytes(const Operands& operands) const {
  return Layout(gemm_, Sizes(desc_, operands)).end;
}

void AttentionKernel::run(const Operands& o, int64_t block, int64_t blocks, std::byte* scratch) const {
  const Sizes s(desc_, o);
  const Layout layout(gemm_, s);
  auto* packed_k = reinterpret_cast<float*>(scratch + layout.k);
  auto* packed_v = reinterpret_cast<float*>(scratch + layout.v);
  auto* scores = reinterpret_cast<float*>(scratch + layout.scores);
  auto* mask_row = reinterpret_cast<float*>(scratch + layout.mask);

  const auto [heads, all_rows] = s.part(block, blocks);

  int64_t packed_batch = -1, packed_head = -1;
  for (int64_t unit = heads.begin; unit < heads.begin + heads.count; ++unit) {
    const int64_t b = unit / desc_.heads, h = unit % desc_.heads, g = h * desc_.kv_heads / desc_.heads;
    if (b != packed_batch || g != packed_head) {
      pack_matrix(s.packed_k(), {0, 1, o.k.strides[1]}, attention_element<float>(o.k, b, 0, g * s.dim), packed_k);
      pack_matrix(s.packed_v(), {0, o.v.strides[1], 1}, attention_element<float>(o.v, b, 0, g * s.value_dim), packed_v);
      packed_batch = b;
      packed_head = g;
    }
    for (int64_t first = all_rows.begin; first < all_rows.begin + all_rows.count; first += s.rows) {
      const int64_t rows = std::min(s.rows, all_rows.begin + all_rows.count - first);
      GemmArgs score_args;
      score_args.a = attention_element<float>(o.q, b, first, h * s.dim);
      score_args.lda = o.q.strides[1];
      score_args.b = packed_k;
      score_args.c = scores;
      score_args.ldc = s.seq_kv;
      gemm_.run(s.score_shape(rows), score_args, 0, 1, scratch + layout.gemm);

      for (int64_t row = 0; row < rows; ++row)
        attention_softmax(*softmax_, scores + row * s.seq_kv, s.seq_kv, desc_.scale, desc_.causal, o.mask, b, h,
                          first + row, mask_row);

      GemmArgs value_args;
      value_args.a = scores;
      value_args.lda = s.seq_kv;
      value_args.b = packed_v;
      value_args.c = attention_element<float>(o.dst, b, first, h * s.value_dim);
      value_args.ldc = o.dst.strides[1];
      gemm_.run(s.value_shape(rows), value_args, 0, 1, scratch + layout.gemm);
    }
  }
}

}  // namespace tegula::kernels
