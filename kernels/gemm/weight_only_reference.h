#pragma once
#include <span>

#include "kernels/gemm/quantized_reference.h"
#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// dst[..., m, n] of a real source by quantized weights, all arrays unpacked:
///   x = sum over k of a[..., m, k] * float(b[k, n])    fp32, from +0, k ascending, one fused multiply-add each
///   dst = post_ops(x * scales[n] + bias[n])            each rounded; to bf16 in the end where dst is
/// Every product of such weights in the runtime means this, and is tested against it bit for bit.
struct WeightOnlyMatMul {
  bool transpose_b = false;  ///< b is [n, k]
  TensorView a;              ///< f32 or bf16
  TensorView b;              ///< s8
  TensorView dst;            ///< f32 or bf16
  const float* scales = nullptr;
  bool scale_per_channel = false;  ///< otherwise one for all
  const float* bias = nullptr;     ///< or nullptr
  PostOpChain post_ops = {};
  std::span<const PostOpTensor> operands = {};  ///< of the post-ops that have one
};

/// Plain loops. Shapes and types have been checked.
void weight_only_matmul_reference(const WeightOnlyMatMul& product);

}  // namespace tegula::kernels
