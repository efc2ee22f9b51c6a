#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/softmax/softmax.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// One row of q, and where its products read: row `i` of head `h` of batch entry `b`, and head `g` of k and v.
struct AttentionRow {
  int64_t b, h, i, g;
};

/// What every attention in plain loops does row by row (attention.h). `inputs` have passed check().
///   score(row, j)           the product of the row by row j of k: float, before desc.scale
///   values(row, weights)    reads the row's probabilities, float[seq_kv], and writes its part of dst
/// Allocates one row of scores.
template <typename Score, typename Values>
Status for_each_attention_row(const AttentionDesc& desc, std::span<const TensorView> inputs, const Score& score,
                              const Values& values) {
  const int64_t batch = inputs[0].dims[0], seq_q = inputs[0].dims[1], seq_kv = inputs[1].dims[1];
  const bool has_mask = inputs.size() > 3 && inputs[3].data != nullptr;
  const TensorView mask = has_mask ? inputs[3].broadcast_to(Dims{batch, desc.heads, seq_q, seq_kv}) : TensorView();

  std::vector<float> scores(static_cast<std::size_t>(seq_kv));
  const TensorView whole = TensorView::contiguous(DType::kF32, Dims{seq_kv}, static_cast<void*>(scores.data()));
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < desc.heads; ++h)
      for (int64_t i = 0; i < seq_q; ++i) {
        const AttentionRow row{b, h, i, h * desc.kv_heads / desc.heads};
        for (int64_t j = 0; j < seq_kv; ++j)
          scores[static_cast<std::size_t>(j)] =
              desc.causal && j > i ? -std::numeric_limits<float>::infinity() : score(row, j);
        TensorView operands[2] = {whole, whole};
        if (has_mask) {
          operands[1].strides[0] = mask.strides[3];
          operands[1].data = mask.data + (b * mask.strides[0] + h * mask.strides[1] + i * mask.strides[2]) * 4;
        }
        TEGULA_RETURN_IF_ERROR(softmax({0, false, desc.scale}, {operands, has_mask ? 2u : 1u}, {&whole, 1}));
        values(row, std::span<const float>(scores));
      }
  return {};
}

}  // namespace tegula::kernels
