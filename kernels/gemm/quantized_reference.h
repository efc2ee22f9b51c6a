#pragma once
#include <cstdint>
#include <span>

#include "kernels/post_ops/post_op.h"
#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// A post-op's operand as it lies in memory: u8 and s8 stand for (float(q) - zero_point) * scale.
struct PostOpTensor {
  TensorView view;  ///< f32, bf16, u8 or s8, broadcasting to dst
  float scale = 1.0f;
  float zero_point = 0.0f;
};

/// dst[..., m, n] of a product of u8 by s8 or (two activations) u8, in the order of ONNX, all arrays unpacked:
///   acc = bias[n] + sum over k of (a[..., m, k] - z_a[row]) * (b[..., k, n] - z_b[n])   modulo 2^32
///   f   = post_ops(float(acc) * (multipliers[n] * scales[row]))       scales: 1 where they are absent
///   dst = f (f32, bf16), saturate(round(f * dst_scale_inverse) + dst_zero_point) (u8, s8), or acc (s32)
/// row counts the rows of all batches. Every integer product of the runtime means this, and is tested against it.
struct QuantizedMatMul {
  bool transpose_a = false;  ///< a is [..., k, m]
  bool transpose_b = false;  ///< b is [..., n, k]
  TensorView a, b, dst;
  const int32_t* bias = nullptr;             ///< or nullptr
  const int32_t* src_zero_points = nullptr;  ///< z_a: one, or one per row; nullptr: 0
  bool zero_point_per_row = false;
  const int32_t* weight_zero_points = nullptr;  ///< z_b of a b of s8, or nullptr: 0
  int32_t b_zero_point = 128;                   ///< z_b of a b of u8
  const float* multipliers = nullptr;           ///< not read for dst s32
  bool multiplier_per_channel = false;          ///< otherwise one for all
  const float* src_scales = nullptr;            ///< one, or one per row, or nullptr
  bool scale_per_row = false;
  PostOpChain post_ops = {};
  std::span<const PostOpTensor> operands = {};  ///< of the post-ops that have one
  float dst_scale_inverse = 1.0f;
  int32_t dst_zero_point = 0;
};

/// Plain loops. Shapes and types have been checked.
void quantized_matmul_reference(const QuantizedMatMul& product);

}  // namespace tegula::kernels
