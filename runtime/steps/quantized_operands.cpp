#include "runtime/steps/quantized_operands.h"

#include <cmath>

namespace tegula::runtime {
namespace {

/// One value per channel, or one for all where `one_for_all`.
Status check_channels(const BindContext& context, const BoundTensor& tensor, DType dtype, int64_t channels,
                      bool one_for_all, const char* what) {
  if (!tensor.present()) return {};
  const bool fits = tensor.count() == channels || (one_for_all && tensor.count() == 1);
  if (tensor.dtype == dtype && fits && tensor.is_contiguous()) return {};
  return context.invalid(what, " of ", name_of(tensor.dtype), to_string(tensor.shape()), " for ", channels,
                         " channels");
}

}  // namespace

Result<QuantizedOperands> read_quantized_operands(const BindContext& context, const schema::Requantize& table,
                                                  int64_t channels, DType dst, int64_t parts) {
  QuantizedOperands operands;
  if (context.inputs.size() > 2) operands.bias = context.inputs[2];
  operands.multipliers = context.value(table.multipliers());
  operands.weight_zero_points = context.value(table.weight_zero_points());
  operands.weight_sums = context.value(table.weight_sums());
  operands.src_zero_point = context.value(table.src_zero_point_value());
  operands.src_scale = context.value(table.src_scale_value());
  operands.static_src_zero_point = table.src_zero_point();
  operands.dst_zero_point = table.dst_zero_point();
  operands.dst_scale_inverse = table.dst_scale_inverse();
  if (!operands.multipliers.present() && dst != DType::kS32)
    return context.invalid("an integer product to ", name_of(dst), " without multipliers");
  if (operands.src_zero_point.present() && !operands.weight_sums.present())
    return context.invalid("a dynamic zero point without sums of the weights");
  TEGULA_RETURN_IF_ERROR(check_channels(context, operands.bias, DType::kS32, channels, false, "a bias"));
  TEGULA_RETURN_IF_ERROR(check_channels(context, operands.multipliers, DType::kF32, channels, true, "multipliers"));
  TEGULA_RETURN_IF_ERROR(
      check_channels(context, operands.weight_zero_points, DType::kS32, channels, false, "zero points"));
  TEGULA_RETURN_IF_ERROR(
      check_channels(context, operands.weight_sums, DType::kS32, channels, false, "sums of weights"));
  TEGULA_RETURN_IF_ERROR(
      check_channels(context, operands.src_zero_point, DType::kS32, parts, true, "a dynamic zero point"));
  TEGULA_RETURN_IF_ERROR(check_channels(context, operands.src_scale, DType::kF32, parts, true, "a dynamic scale"));
  const auto in_range = [](int32_t zero_point, DType dtype) {
    return dtype == DType::kS8 ? zero_point >= -128 && zero_point <= 127 : zero_point >= 0 && zero_point <= 255;
  };
  if (!in_range(operands.static_src_zero_point, DType::kU8) ||
      ((dst == DType::kU8 || dst == DType::kS8) && !in_range(operands.dst_zero_point, dst)))
    return context.invalid("zero points ", operands.static_src_zero_point, " and ", operands.dst_zero_point);
  if (!std::isfinite(operands.dst_scale_inverse))
    return context.invalid("the inverse scale is ", operands.dst_scale_inverse);
  return operands;
}

}  // namespace tegula::runtime
