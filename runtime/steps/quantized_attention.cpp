#include "runtime/steps/quantized_attention.h"

#include <array>
#include <cmath>
#include <cstring>

#include "kernels/attention/quantized_attention_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/attention_kernel_choice.h"
#include "runtime/steps/attention_step.h"
#include "runtime/steps/gemm_epilogue.h"
#include "runtime/steps/narrow_pool.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

using kernels::QuantizedAttentionDesc;
using kernels::QuantizedAttentionKernel;

/// Of probabilities as u8, from the step's last input.
Result<kernels::QuantizedOperand> read_probability(const BindContext& context) {
  const BoundTensor& numbers = context.inputs[kQuantizedAttentionInputs - 1];
  if (!numbers.is_constant() || numbers.dtype != DType::kF32 || numbers.count() != 2 || !numbers.is_contiguous())
    return context.invalid("a scale and zero point of probabilities that are no constant f32[2]");
  std::array<float, 2> values{};
  std::memcpy(values.data(), numbers.location.constant, sizeof(values));
  const auto [scale, zero_point] = values;
  if (!(scale > 0) || !std::isfinite(scale) || !(zero_point >= 0) || zero_point > 255 ||
      zero_point != std::nearbyint(zero_point))
    return context.invalid("probabilities with scale ", scale, " and zero point ", zero_point);
  return kernels::QuantizedOperand{scale, static_cast<int32_t>(zero_point)};
}

Result<QuantizedAttentionDesc> read_desc(const BindContext& context) {
  const schema::Attention& table = *context.step.attributes_as_Attention();
  TEGULA_ASSIGN_OR_RETURN(const kernels::AttentionDesc real, read_attention(context));
  TEGULA_ASSIGN_OR_RETURN(const kernels::QuantizedOperand probability, read_probability(context));
  if (table.ends() == nullptr) return context.invalid("an attention of integers without their scales");
  kernels::QuantizedOperand q;
  kernels::QuantizedResult dst;
  read_ends(table.ends(), q, dst);
  const kernels::QuantizedOperand k{table.ends()->second_scale(), table.ends()->second_zero_point()},
      v{table.ends()->third_scale(), table.ends()->third_zero_point()};
  return quantized_attention_desc(real, q, k, v, probability, dst);
}

/// Without the step's last input, which is in the descriptor.
Status plain_attention(const QuantizedAttentionDesc& desc, std::span<const kernels::TensorView> inputs,
                       std::span<const kernels::TensorView> outputs) {
  return quantized_attention(desc, inputs.first(kQuantizedAttentionInputs - 1), outputs);
}

Result<QuantizedAttentionKernel> build_kernel(const QuantizedAttentionDesc& desc, const BindContext& context,
                                              bool has_mask) {
  const BoundTensor& dst = context.outputs[0];
  const kernels::TileTypes to_scores{DType::kU8, DType::kS8, DType::kF32}, to_dst{DType::kU8, DType::kS8, dst.dtype};
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr score_tiles,
                          tiles_for(context, QuantizedAttentionKernel::score_epilogue(desc), to_scores));
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr value_tiles,
                          tiles_for(context, QuantizedAttentionKernel::value_epilogue(desc, dst.dtype), to_dst));
  TEGULA_ASSIGN_OR_RETURN(kernels::SoftmaxCodePtr softmax,
                          attention_softmax_code(context, vector_isa_of(context), has_mask));
  BoundTensor probabilities = context.inputs[0];  // for its type, u8
  TEGULA_ASSIGN_OR_RETURN(kernels::RowConverter row,
                          converter_from_real(context, probabilities, desc.probability, "a probability"));
  return QuantizedAttentionKernel(desc, std::move(score_tiles), std::move(value_tiles), std::move(softmax),
                                  std::move(row));
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_quantized_attention(const BindContext& context) {
  TEGULA_ASSIGN_OR_RETURN(const QuantizedAttentionDesc desc, read_desc(context));
  OperandSizes sizes(context);
  sizes.inputs.resize(kQuantizedAttentionInputs - 1);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  if (!has_generated_attention(context, sizes)) {
    decline_generated_code(context, "rows of heads are not contiguous");
    return make_plain_step(desc, &plain_attention, context);
  }
  TEGULA_ASSIGN_OR_RETURN(QuantizedAttentionKernel kernel, build_kernel(desc, context, has_mask(sizes)));
  std::string implementation =
      concat("attention_u8", name_of(context.outputs[0].dtype), "_", kernels::name_of(kernel.isa()));
  return make_attention_step(std::move(kernel), desc.heads, std::move(implementation), sizes, context);
}

}  // namespace tegula::runtime
