#pragma once
#include <compare>
#include <cstdint>
#include <span>

#include "kernels/float_bits.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Scaled dot-product attention ("Attention Is All You Need", arXiv:1706.03762), per batch entry b and head h:
///   score[i, j] = sum over d of q[b, i, h, d] * k[b, j, g, d]
///   p[i, :]     = softmax over j (softmax.h) of score * scale (+ mask[b, h, i, j])
///   dst[b, i, h, d] = sum over j of p[i, j] * v[b, j, g, d]
/// Sums start at +0, d and j ascend, one fused multiply-add each. With `causal`, score is -infinity for j > i. Head h
/// reads head g = h * kv_heads / heads of k and v.
struct AttentionDesc {
  int64_t heads = 1;
  int64_t kv_heads = 1;    ///< divides heads
  FloatBits scale = 1.0f;  ///< > 0 when causal
  bool causal = false;

  auto operator<=>(const AttentionDesc&) const = default;
};

/// inputs: q [batch, seq_q, heads * dim], k [batch, seq_kv, kv_heads * dim], v [batch, seq_kv, kv_heads * value_dim],
/// and optionally mask, broadcast to [batch, heads, seq_q, seq_kv]. outputs: dst [batch, seq_q, heads * value_dim]. All
/// f32; any strides.
Status check(const AttentionDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
/// In plain loops; allocates one row of scores.
Status attention(const AttentionDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);

}  // namespace tegula::kernels
