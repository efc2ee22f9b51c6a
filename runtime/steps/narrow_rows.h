#pragma once
#include "kernels/quantize/convert_row.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// Whether the operand is of a type that has to become fp32 first, or is made of fp32 at the end.
inline bool is_narrow(const BoundTensor& tensor) {
  return tensor.present() && (tensor.dtype == DType::kBF16 || kernels::is_quantized(tensor.dtype));
}

/// The converter of an operand with the code for the features at hand. kInvalidFile: no such type, or a scale or zero
/// point out of range; `what` names the operand.
Result<kernels::RowConverter> converter_to_real(const BindContext& context, const BoundTensor& tensor,
                                                const kernels::QuantizedOperand& quantization, std::string_view what);
Result<kernels::RowConverter> converter_from_real(const BindContext& context, const BoundTensor& tensor,
                                                  const kernels::QuantizedResult& quantization, std::string_view what);

/// Steps whose operands are not all fp32: rows become fp32 in scratch, go through the fp32 kernel and are converted on
/// the way out. The binders of the fp32 steps call these.
Result<std::unique_ptr<BoundStep>> bind_narrow_softmax(const BindContext& context);
Result<std::unique_ptr<BoundStep>> bind_narrow_layer_norm(const BindContext& context);
Result<std::unique_ptr<BoundStep>> bind_narrow_attention(const BindContext& context);

}  // namespace tegula::runtime
