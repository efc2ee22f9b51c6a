#include "kernels/attention/attention.h"

#include <algorithm>

#include "runtime/plan/kernel_library.h"
#include "runtime/steps/attention_kernel_choice.h"
#include "runtime/steps/attention_step.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"
#include "runtime/steps/quantized_attention.h"

namespace tegula::runtime {

using kernels::AttentionKernel;

Result<kernels::AttentionDesc> read_attention(const BindContext& context) {
  const schema::Attention& table = *context.step.attributes_as_Attention();
  constexpr uint64_t kMaxHeads = 1 << 20;
  if (table.heads() > kMaxHeads || table.kv_heads() > kMaxHeads) return context.invalid("absurd numbers of heads");
  return kernels::AttentionDesc{static_cast<int64_t>(table.heads()), static_cast<int64_t>(table.kv_heads()),
                                table.scale(), table.causal()};
}

bool has_generated_attention(const BindContext& context, const OperandSizes& sizes) {
  const auto contiguous = [](const kernels::TensorView& view) { return view.strides[2] == 1 || view.dims[2] == 1; };
  return context.features.avx2 && std::all_of(sizes.inputs.begin(), sizes.inputs.begin() + 3, contiguous) &&
         contiguous(sizes.outputs[0]);
}

Result<AttentionKernel> build_attention_kernel(const BindContext& context, const kernels::AttentionDesc& desc,
                                               bool has_mask) {
  const jit::VectorIsa isa = vector_isa_of(context);
  const kernels::TileSetDesc tile_desc{
      isa == jit::VectorIsa::kAvx512 ? kernels::TileIsa::kAvx512 : kernels::TileIsa::kAvx2, {}};
  TEGULA_ASSIGN_OR_RETURN(
      kernels::TileSetPtr tiles,
      (context.kernels.cache<kernels::TileSetDesc, kernels::TileSet>().get_or_build(tile_desc, kernels::build_tiles)));
  TEGULA_ASSIGN_OR_RETURN(kernels::SoftmaxCodePtr softmax, attention_softmax_code(context, isa, has_mask));
  return AttentionKernel(desc, std::move(tiles), std::move(softmax));
}

Result<kernels::SoftmaxCodePtr> attention_softmax_code(const BindContext& context, jit::VectorIsa isa, bool has_mask) {
  return context.kernels.cache<kernels::SoftmaxCodeDesc, kernels::SoftmaxCode>().get_or_build({isa, false, has_mask},
                                                                                              kernels::build_softmax);
}

Result<std::unique_ptr<BoundStep>> bind_attention(const BindContext& context) {
  if (context.inputs.size() == kQuantizedAttentionInputs) return bind_quantized_attention(context);
  if (context.inputs.size() >= 3 && context.outputs.size() == 1 &&
      (is_narrow(context.inputs[0]) || is_narrow(context.inputs[1]) || is_narrow(context.inputs[2]) ||
       is_narrow(context.outputs[0])))
    return bind_narrow_attention(context);
  TEGULA_ASSIGN_OR_RETURN(const kernels::AttentionDesc desc, read_attention(context));
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);

  if (!has_generated_attention(context, sizes)) {
    decline_generated_code(context, "rows of heads are not contiguous");
    return make_plain_step(desc, &kernels::attention, context);
  }
  TEGULA_ASSIGN_OR_RETURN(AttentionKernel kernel, build_attention_kernel(context, desc, has_mask(sizes)));
  return make_attention_step(std::move(kernel), desc.heads,
                             concat("attention_f32_", jit::name_of(vector_isa_of(context.features))), sizes, context);
}

}  // namespace tegula::runtime
