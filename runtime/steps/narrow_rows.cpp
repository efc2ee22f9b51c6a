#include "runtime/steps/narrow_rows.h"

#include "runtime/plan/kernel_library.h"

namespace tegula::runtime {
namespace {

using kernels::RowConverter;

Result<RowConverter> with_code(const BindContext& context, RowConverter converter) {
  const auto desc = converter.code_desc(context.features);
  if (!desc) return converter;
  TEGULA_ASSIGN_OR_RETURN(kernels::EltwiseCodePtr code,
                          (context.kernels.cache<kernels::EltwiseCodeDesc, kernels::EltwiseCode>().get_or_build(
                              *desc, kernels::build_eltwise)));
  converter.use(std::move(code));
  return converter;
}

Status check_operand(const BindContext& context, const BoundTensor& tensor, float scale, int32_t zero_point,
                     std::string_view what) {
  if (!kernels::is_real_or_quantized(tensor.dtype)) return context.invalid(what, " is ", name_of(tensor.dtype));
  if (kernels::is_quantized(tensor.dtype) && (!(scale > 0) || !kernels::fits(scale, zero_point, tensor.dtype)))
    return context.invalid(what, " of ", name_of(tensor.dtype), " has scale ", scale, " and zero point ", zero_point);
  return {};
}

}  // namespace

Result<RowConverter> converter_to_real(const BindContext& context, const BoundTensor& tensor,
                                       const kernels::QuantizedOperand& quantization, std::string_view what) {
  TEGULA_RETURN_IF_ERROR(check_operand(context, tensor, quantization.scale, quantization.zero_point, what));
  return with_code(context, RowConverter::to_real(tensor.dtype, quantization));
}

Result<RowConverter> converter_from_real(const BindContext& context, const BoundTensor& tensor,
                                         const kernels::QuantizedResult& quantization, std::string_view what) {
  TEGULA_RETURN_IF_ERROR(check_operand(context, tensor, quantization.scale_inverse, quantization.zero_point, what));
  return with_code(context, RowConverter::from_real(tensor.dtype, quantization));
}

}  // namespace tegula::runtime
