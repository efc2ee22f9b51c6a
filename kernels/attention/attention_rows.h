#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/split.h"
#include "kernels/softmax/softmax_kernel.h"
#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// How attention kernels cut their work: units are heads of batch entries, or runs of rows of one.
struct AttentionSizes {
  // Below this many multiply-adds a block is not worth handing to another thread.
  static constexpr int64_t kSmallestBlock = 1 << 18;
  static constexpr int64_t kLeastRows = 14;  // two tiles high

  int64_t batch, heads, kv_heads, seq_q, seq_kv, dim, value_dim;

  AttentionSizes(int64_t q_heads, int64_t heads_of_kv, const TensorView& q, const TensorView& k, const TensorView& v)
      : batch(q.dims[0]),
        heads(q_heads),
        kv_heads(heads_of_kv),
        seq_q(q.dims[1]),
        seq_kv(k.dims[1]),
        dim(q.dims[2] / q_heads),
        value_dim(v.dims[2] / heads_of_kv) {}

  int64_t units() const { return batch * heads; }
  /// Rows whose scores, of 4 bytes each, exist at a time.
  int64_t rows(int64_t score_bytes) const {
    const int64_t fitting = std::clamp<int64_t>(score_bytes / 4 / std::max<int64_t>(seq_kv, 1), kLeastRows,
                                                std::max<int64_t>(seq_q, kLeastRows));
    return std::max<int64_t>(1, std::min(fitting, seq_q));
  }
  GemmShape score_shape(int64_t m) const { return {m, seq_kv, dim}; }
  GemmShape value_shape(int64_t m) const { return {m, value_dim, seq_kv}; }

  int64_t blocks(int workers) const {
    if (workers <= 1 || units() == 0) return 1;
    const int64_t work = units() * seq_q * seq_kv * (dim + value_dim);
    const int64_t wanted = std::clamp<int64_t>(work / kSmallestBlock, 1, 4 * int64_t{workers});
    if (wanted <= units()) return wanted;
    // Few heads: each is cut into runs of rows, and every run packs the head's keys and values again.
    const int64_t cuts =
        std::clamp<int64_t>(ceil_div(workers, units()), 1, ceil_div(std::max<int64_t>(seq_q, 1), kLeastRows));
    return units() * cuts;
  }

  /// Units of one block, and the rows of each that it computes.
  struct Part {
    Span1 units, rows;
  };
  Part part(int64_t block, int64_t blocks) const {
    const int64_t cuts = blocks > units() ? blocks / units() : 1;
    return {blocks > units() ? Span1{block / cuts, 1} : even_part(units(), blocks, block),
            even_part(seq_q, cuts, block % cuts)};
  }
};

template <typename T>
T* attention_element(const TensorView& view, int64_t batch, int64_t row, int64_t column) {
  return reinterpret_cast<T*>(view.data) + batch * view.strides[0] + row * view.strides[1] + column;
}

/// Softmax in place over the scores of row `i` of head `h` of batch entry `b`. `mask`: broadcast to [batch, heads,
/// seq_q, seq_kv], or without data; `mask_row`: scratch for seq_kv of its elements where they are not contiguous.
inline void attention_softmax(const SoftmaxCode& softmax, float* scores, int64_t seq_kv, float scale, bool causal,
                              const TensorView& mask, int64_t b, int64_t h, int64_t i, float* mask_row) {
  if (causal)
    for (int64_t j = i + 1; j < seq_kv; ++j) scores[j] = -std::numeric_limits<float>::infinity();
  SoftmaxCall call{scores, nullptr, scores, seq_kv, scale};
  if (mask.data != nullptr) {
    call.mask =
        reinterpret_cast<const float*>(mask.data) + b * mask.strides[0] + h * mask.strides[1] + i * mask.strides[2];
    if (mask.strides[3] != 1 && seq_kv > 1) {
      for (int64_t j = 0; j < seq_kv; ++j) mask_row[j] = call.mask[j * mask.strides[3]];
      call.mask = mask_row;
    }
  }
  softmax(call);
}

}  // namespace tegula::kernels
