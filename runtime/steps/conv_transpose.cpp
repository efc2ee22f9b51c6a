#include "kernels/conv_transpose/conv_transpose.h"

#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_conv_transpose(const BindContext& context) {
  const schema::ConvTranspose& table = *context.step.attributes_as_ConvTranspose();
  kernels::ConvTransposeDesc desc;
  const auto rank = table.kernel() ? table.kernel()->size() : 0;
  if (rank < 1 || rank > desc.strides.size()) return context.invalid("1 to 3 spatial dimensions");
  if (!table.strides() || !table.dilations() || !table.pads_begin() || table.strides()->size() != rank ||
      table.dilations()->size() != rank || table.pads_begin()->size() != rank)
    return context.invalid("kernel, strides, dilations and pads have one entry per spatial dimension");
  desc.rank = static_cast<int>(rank);
  for (uint32_t d = 0; d < rank; ++d) {
    desc.strides[d] = static_cast<int64_t>(table.strides()->Get(d));
    desc.dilations[d] = static_cast<int64_t>(table.dilations()->Get(d));
    desc.pads_begin[d] = context.expression(table.pads_begin()->Get(d));
  }
  desc.groups = static_cast<int64_t>(table.groups());
  if (context.step.post_ops() != nullptr && context.step.post_ops()->size() != 0)
    return context.unsupported("post-ops of a transposed convolution");

  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  for (uint32_t d = 0; d < rank; ++d)
    if (sizes.inputs[1].dims[d + 2] != static_cast<int64_t>(table.kernel()->Get(d)))
      return context.invalid("weights of ", to_string(sizes.inputs[1].shape()), " for another kernel");
  context.decline("generated code", "this operation has none");
  return make_plain_step(desc, &kernels::conv_transpose, context);
}

}  // namespace tegula::runtime
