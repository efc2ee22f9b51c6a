#pragma once
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// What table Requantize holds, with its values bound; absent ones have present() == false.
struct QuantizedOperands {
  BoundTensor bias;  ///< the step's third input
  BoundTensor multipliers, weight_zero_points, weight_sums;
  BoundTensor src_zero_point, src_scale;  ///< dynamic ones
  int32_t static_src_zero_point = 0, dst_zero_point = 0;
  float dst_scale_inverse = 1;
};

/// Of a step whose result has `channels` channels. Dynamic scales and zero points are one number, or one for each of
/// `parts` rows or images. kInvalidFile: an operand of another type or size, a zero point out of range, an infinite
/// scale.
Result<QuantizedOperands> read_quantized_operands(const BindContext& context, const schema::Requantize& table,
                                                  int64_t channels, DType dst, int64_t parts = 1);

}  // namespace tegula::runtime
