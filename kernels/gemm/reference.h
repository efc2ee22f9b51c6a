#pragma once
#include <optional>
#include <span>

#include "kernels/gemm/epilogue.h"
#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// dst[..., m, n] = epilogue(sum_k a[..., m, k] * b[..., k, n]), batch dimensions broadcast; fp32.
///   a     [..., m, k], or [..., k, m] with transpose_a
///   b     [..., k, n], or [..., n, k] with transpose_b: unpacked, as ONNX has it
///   bias  [n]
/// Every matrix product of the runtime means this, and is tested against it bit for bit.
struct MatMulDesc {
  bool transpose_a = false;
  bool transpose_b = false;
  EpilogueDesc epilogue;
  /// Of integer products whose b is u8 rather than s8: its zero point. Then epilogue.quantized says kPerTensor where a
  /// has a zero point, and weight_zero_points where this is not 128; what those read of b is made at run time.
  std::optional<int32_t> b_zero_point = {};
};

/// Plain loops over any strides. `bias` is read where the epilogue has one; operands[i] belongs to the i-th
/// of the post-ops that have an operand, and broadcasts to dst. Shapes have been checked: ranks of at least 2, batch
/// dimensions that broadcast to those of dst.
void matmul_reference(const MatMulDesc& desc, float alpha, const TensorView& a, const TensorView& b,
                      const TensorView& bias, std::span<const TensorView> operands, const TensorView& dst);

}  // namespace tegula::kernels
