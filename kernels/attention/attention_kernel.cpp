#include "kernels/attention/attention_kernel.h"

#include <algorithm>
#include <limits>

#include "kernels/gemm/pack.h"
#include "kernels/gemm/split.h"

namespace tegula::kernels {
namespace {

// Scores of one block of rows: half of a 1 MiB L2, beside the packed keys and values.
constexpr int64_t kScoreBytes = 512 << 10;
constexpr int64_t kLeastRows = 14;  // two tiles high
// Below this many multiply-adds a block is not worth handing to another thread.
constexpr int64_t kSmallestBlock = 1 << 18;

std::size_t line(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

struct Sizes {
  int64_t batch, seq_q, seq_kv, dim, value_dim, rows;

  Sizes(const AttentionDesc& desc, const AttentionKernel::Operands& o)
      : batch(o.q.dims[0]),
        seq_q(o.q.dims[1]),
        seq_kv(o.k.dims[1]),
        dim(o.q.dims[2] / desc.heads),
        value_dim(o.v.dims[2] / desc.kv_heads) {
    rows = std::clamp<int64_t>(kScoreBytes / 4 / std::max<int64_t>(seq_kv, 1), kLeastRows,
                               std::max<int64_t>(seq_q, kLeastRows));
    rows = std::max<int64_t>(1, std::min(rows, seq_q));
  }

  // k^T [dim, seq_kv] and v [seq_kv, value_dim] as gemm weights.
  PackedMatrix packed_k() const { return {Packing::kN16K1, 1, dim, seq_kv}; }
  PackedMatrix packed_v() const { return {Packing::kN16K1, 1, seq_kv, value_dim}; }
  GemmShape score_shape(int64_t m) const { return {m, seq_kv, dim}; }
  GemmShape value_shape(int64_t m) const { return {m, value_dim, seq_kv}; }
};

/// Parts of a worker's scratch, in bytes from its start.
struct Layout {
  std::size_t k, v, scores, mask, gemm, end;

  Layout(const GemmKernel& gemm_kernel, const Sizes& s) {
    k = 0;
    v = k + line(static_cast<std::size_t>(s.packed_k().bytes()));
    scores = v + line(static_cast<std::size_t>(s.packed_v().bytes()));
    mask = scores + line(static_cast<std::size_t>(s.rows * s.seq_kv) * 4);
    gemm = mask + line(static_cast<std::size_t>(s.seq_kv) * 4);
    end = gemm +
          std::max(gemm_kernel.scratch_bytes(s.score_shape(s.rows)), gemm_kernel.scratch_bytes(s.value_shape(s.rows)));
  }
};

template <typename T>
T* element(const TensorView& view, int64_t batch, int64_t row, int64_t column) {
  return reinterpret_cast<T*>(view.data) + batch * view.strides[0] + row * view.strides[1] + column;
}

}  // namespace

int64_t AttentionKernel::blocks(const AttentionDesc& desc, const Operands& operands, int workers) const {
  const Sizes s(desc, operands);
  const int64_t units = s.batch * desc.heads;
  if (workers <= 1 || units == 0) return 1;
  const int64_t work = units * s.seq_q * s.seq_kv * (s.dim + s.value_dim);
  const int64_t wanted = std::clamp<int64_t>(work / kSmallestBlock, 1, 4 * int64_t{workers});
  if (wanted <= units) return wanted;
  // Few heads: each is cut into runs of rows, and every run packs the head's keys and values again.
  const int64_t cuts =
      std::clamp<int64_t>(ceil_div(workers, units), 1, ceil_div(std::max<int64_t>(s.seq_q, 1), kLeastRows));
  return units * cuts;
}

std::size_t AttentionKernel::scratch_bytes(const AttentionDesc& desc, const Operands& operands) const {
  return Layout(gemm_, Sizes(desc, operands)).end;
}

void AttentionKernel::run(const AttentionDesc& desc, const Operands& o, int64_t block, int64_t blocks,
                          std::byte* scratch) const {
  const Sizes s(desc, o);
  const Layout layout(gemm_, s);
  auto* packed_k = reinterpret_cast<float*>(scratch + layout.k);
  auto* packed_v = reinterpret_cast<float*>(scratch + layout.v);
  auto* scores = reinterpret_cast<float*>(scratch + layout.scores);
  auto* mask_row = reinterpret_cast<float*>(scratch + layout.mask);

  const int64_t units = s.batch * desc.heads;
  const int64_t cuts = blocks > units ? blocks / units : 1;
  const Span1 heads = blocks > units ? Span1{block / cuts, 1} : even_part(units, blocks, block);
  const Span1 all_rows = even_part(s.seq_q, cuts, block % cuts);
  const bool has_mask = o.mask.data != nullptr;
  const SoftmaxCode& softmax = has_mask ? *mask_softmax_ : *plain_softmax_;

  int64_t packed_batch = -1, packed_head = -1;
  for (int64_t unit = heads.begin; unit < heads.begin + heads.count; ++unit) {
    const int64_t b = unit / desc.heads, h = unit % desc.heads, g = h * desc.kv_heads / desc.heads;
    if (b != packed_batch || g != packed_head) {
      pack_matrix(s.packed_k(), {0, 1, o.k.strides[1]}, element<float>(o.k, b, 0, g * s.dim), packed_k);
      pack_matrix(s.packed_v(), {0, o.v.strides[1], 1}, element<float>(o.v, b, 0, g * s.value_dim), packed_v);
      packed_batch = b;
      packed_head = g;
    }
    for (int64_t first = all_rows.begin; first < all_rows.begin + all_rows.count; first += s.rows) {
      const int64_t rows = std::min(s.rows, all_rows.begin + all_rows.count - first);
      GemmArgs score_args;
      score_args.a = element<float>(o.q, b, first, h * s.dim);
      score_args.lda = o.q.strides[1];
      score_args.b = packed_k;
      score_args.c = scores;
      score_args.ldc = s.seq_kv;
      gemm_.run(s.score_shape(rows), score_args, 0, 1, scratch + layout.gemm);

      for (int64_t row = 0; row < rows; ++row) {
        float* line_of_scores = scores + row * s.seq_kv;
        if (desc.causal)
          for (int64_t j = first + row + 1; j < s.seq_kv; ++j)
            line_of_scores[j] = -std::numeric_limits<float>::infinity();
        SoftmaxCall call{line_of_scores, nullptr, line_of_scores, s.seq_kv, desc.scale};
        if (has_mask) {
          call.mask = reinterpret_cast<const float*>(o.mask.data) + b * o.mask.strides[0] + h * o.mask.strides[1] +
                      (first + row) * o.mask.strides[2];
          if (o.mask.strides[3] != 1 && s.seq_kv > 1) {
            for (int64_t j = 0; j < s.seq_kv; ++j) mask_row[j] = call.mask[j * o.mask.strides[3]];
            call.mask = mask_row;
          }
        }
        softmax(call);
      }

      GemmArgs value_args;
      value_args.a = scores;
      value_args.lda = s.seq_kv;
      value_args.b = packed_v;
      value_args.c = element<float>(o.dst, b, first, h * s.value_dim);
      value_args.ldc = o.dst.strides[1];
      gemm_.run(s.value_shape(rows), value_args, 0, 1, scratch + layout.gemm);
    }
  }
}

}  // namespace tegula::kernels
