#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "kernels/post_ops/post_op.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Post-ops with an operand that one chain may hold.
inline constexpr int kMaxEpilogueOperands = 8;

/// What a gemm-like kernel makes of a sum before it stores it; shapes the code.
///   x = sum over k, from +0, k ascending, one fused multiply-add each
///   x = alpha * x       where `alpha`
///   x = x + bias[n]     where `bias`
///   x = post_ops(x)     in order
struct EpilogueDesc {
  bool alpha = false;
  bool bias = false;
  PostOpChain post_ops;

  auto operator<=>(const EpilogueDesc&) const = default;

  /// "alpha+bias+add:t+relu"; "none".
  std::string name() const;
};

/// check_post_ops, and what gemm-like fp32 kernels add: at most kMaxEpilogueOperands operands, all of them fp32.
Status check_epilogue(const EpilogueDesc& desc);

/// The operand of one post-op, in fp32. Element (row, n) of a kTensor lies at data[row * row_stride + n]; a kPerChannel
/// has row_stride 0; of a kScalar only data[0] is read.
struct EpilogueOperand {
  const float* data = nullptr;
  int64_t row_stride = 0;  ///< elements
};

/// Operands of one call. operands[i] belongs to the i-th of the post-ops that have an operand.
struct EpilogueArgs {
  float alpha = 1.0f;
  const float* bias = nullptr;  ///< n elements
  std::array<EpilogueOperand, kMaxEpilogueOperands> operands{};
};

/// The epilogue on one sum, by plain code: element (row, n) of dst.
float apply_epilogue(const EpilogueDesc& desc, const EpilogueArgs& args, float sum, int64_t row, int64_t n);

}  // namespace tegula::kernels
