#pragma once
#include <compare>
#include <cstdint>
#include <span>

#include "kernels/attention/attention.h"
#include "kernels/quantize/quantized_ends.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Scaled dot-product attention (attention.h) whose products are products of integers, for batch entry b and head h:
///   score[i, j] = float(sum over d of (q[b, i, h, d] - z_q) * (k[b, j, g, d] - z_k)) * score_scale
///   p[i, :]     = softmax over j (softmax.h) of score (+ mask[b, h, i, j])
///   r[i, j]     = sat(rne(p * probability.scale_inverse) + probability.zero_point), u8
///   x           = float(sum over j of (r[i, j] - z_r) * (v[b, j, g, d] - z_v)) * value_scale
///   dst[b, i, h, d] = x (f32, bf16), or sat(rne(x * dst.scale_inverse) + dst.zero_point) (u8, s8)
/// With `causal`, score is -infinity for j > i. Sums are exact. Head h reads head g = h * kv_heads / heads of k and v.
/// Whole rows of scores: no online softmax.
struct QuantizedAttentionDesc {
  int64_t heads = 1;
  int64_t kv_heads = 1;  ///< divides heads
  bool causal = false;
  int32_t q_zero_point = 0, k_zero_point = 0, v_zero_point = 0;
  FloatBits score_scale = 1.0f;  ///< s_q * s_k * the scale of the scores; > 0 when causal
  QuantizedResult probability{.scale_inverse = 255.0f, .zero_point = 0};
  FloatBits value_scale = 1.0f;  ///< s_r * s_v
  QuantizedResult dst = {};

  auto operator<=>(const QuantizedAttentionDesc&) const = default;
};

/// The same as attention of real numbers says it: `real` is the descriptor of that, and q, k, v and p stand for real
/// numbers. score_scale = s_q * s_k * scale, value_scale = s_p * s_v.
QuantizedAttentionDesc quantized_attention_desc(const AttentionDesc& real, const QuantizedOperand& q,
                                                const QuantizedOperand& k, const QuantizedOperand& v,
                                                const QuantizedOperand& p, const QuantizedResult& dst);

/// inputs: q [batch, seq_q, heads * dim], k [batch, seq_kv, kv_heads * dim], v [batch, seq_kv, kv_heads * value_dim],
/// all u8, and optionally mask (f32), broadcast to [batch, heads, seq_q, seq_kv]. outputs: dst [batch, seq_q, heads *
/// value_dim]. Any strides. Refuses sizes whose sums could leave s32.
Status check(const QuantizedAttentionDesc& desc, std::span<const TensorView> inputs,
             std::span<const TensorView> outputs);
/// In plain loops; allocates two rows of scores.
Status quantized_attention(const QuantizedAttentionDesc& desc, std::span<const TensorView> inputs,
                           std::span<const TensorView> outputs);

}  // namespace tegula::kernels
