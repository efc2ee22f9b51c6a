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

/// Where a number of the source's quantization comes from.
enum class DynamicValue : uint8_t {
  kStatic,     ///< known when the program was compiled, and folded into bias and multipliers
  kPerTensor,  ///< one number, read when the kernel runs
  kPerRow,     ///< one number per row of dst, or per QuantizedSumArgs::rows_per_src_value rows
};

/// What shapes the code between the integer sum of u8 by s8 and fp32.
///   acc = acc + bias[n]                     s32, where EpilogueDesc::bias
///   acc = acc - z_w[n] * sum_k q_x[row, k]  where `weight_zero_points`
///   acc = acc - z_x * (Sw[n] - K * z_w[n])  where `src_zero_point` is dynamic
///   x   = float(acc) * m[n]                 or float(acc) * (m[n] * s_x) where `src_scale` is dynamic
/// modulo 2^32. After the post-ops a dst of u8 or s8 is saturate(round(x * dst_scale_inverse) + dst_zero_point); a dst
/// of s32 is acc.
struct QuantizedSumDesc {
  bool multiplier_per_channel = false;
  bool weight_zero_points = false;
  DynamicValue src_zero_point = DynamicValue::kStatic;
  DynamicValue src_scale = DynamicValue::kStatic;
  bool dst_scale = false;  ///< otherwise dst_scale_inverse is 1

  auto operator<=>(const QuantizedSumDesc&) const = default;
};

/// Scales of weights that are s8 beside sources that are real.
enum class WeightScale : uint8_t { kNone, kPerTensor, kPerChannel };

/// What a gemm-like kernel makes of a sum before it stores it; shapes the code.
///   x = sum over k, from +0, k ascending, one fused multiply-add each
///   x = x * weight_scales[n]   where `weight_scale`: [n], or [0] for all
///   x = alpha * x       where `alpha`
///   x = x + bias[n]     where `bias`
///   x = post_ops(x)     in order
/// Integer sums become x as QuantizedSumDesc says, and have no alpha.
struct EpilogueDesc {
  bool alpha = false;
  bool bias = false;
  PostOpChain post_ops;
  QuantizedSumDesc quantized = {};
  WeightScale weight_scale = WeightScale::kNone;

  auto operator<=>(const EpilogueDesc&) const = default;

  /// "alpha+bias+add:t+relu"; "none".
  std::string name() const;
};

/// check_post_ops, and what gemm-like fp32 kernels add: at most kMaxEpilogueOperands operands, all of them fp32, and
/// nothing of integer sums or quantized weights.
Status check_epilogue(const EpilogueDesc& desc);
/// The same for kernels whose operands may be f32, bf16, u8 or s8.
Status check_typed_epilogue(const EpilogueDesc& desc);

/// The operand of one post-op, of the type that PostOpDesc says. Element (row, n) of a kTensor lies at
/// data[row * row_stride + n]; a kPerChannel has row_stride 0; of a kScalar only data[0] is read.
struct EpilogueOperand {
  const void* data = nullptr;
  int64_t row_stride = 0;  ///< elements
  float scale = 1.0f;      ///< u8 and s8 stand for (float(q) - zero_point) * scale
  float zero_point = 0.0f;
};

/// Operands of integer sums, QuantizedSumDesc. What the descriptor does not ask for is not read.
struct QuantizedSumArgs {
  const int32_t* bias = nullptr;                ///< [n]
  const float* multipliers = nullptr;           ///< [n], or one
  const int32_t* weight_zero_points = nullptr;  ///< z_w [n]
  const int32_t* weight_sums = nullptr;         ///< Sw [n]
  const int32_t* src_zero_points = nullptr;     ///< z_x: one, or one per row
  const float* src_scales = nullptr;            ///< s_x: one, or one per row
  float dst_scale_inverse = 1.0f;
  int32_t dst_zero_point = 0;
  int64_t rows_per_src_value = 1;  ///< where z_x and s_x are per row: rows that share one; of a convolution, an image's
};

/// Operands of one call. operands[i] belongs to the i-th of the post-ops that have an operand.
struct EpilogueArgs {
  float alpha = 1.0f;
  const float* bias = nullptr;  ///< n elements
  std::array<EpilogueOperand, kMaxEpilogueOperands> operands{};
  QuantizedSumArgs quantized = {};
  const float* weight_scales = nullptr;  ///< [n], or one
};

/// The epilogue on one sum, by plain code: element (row, n) of dst.
float apply_epilogue(const EpilogueDesc& desc, const EpilogueArgs& args, float sum, int64_t row, int64_t n);

/// The integer part on one sum of `depth` products, of which `row_sum` is the sum of the q_x: acc above.
int32_t complete_integer_sum(const EpilogueDesc& desc, const QuantizedSumArgs& args, uint32_t sum, uint32_t row_sum,
                             uint32_t depth, int64_t row, int64_t n);
/// x of above after the post-ops.
float apply_quantized_epilogue(const EpilogueDesc& desc, const EpilogueArgs& args, int32_t acc, int64_t row, int64_t n);

}  // namespace tegula::kernels
