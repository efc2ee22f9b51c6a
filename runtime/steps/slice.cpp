#include "kernels/slice/slice.h"

#include "runtime/steps/strided_copy_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_slice(const BindContext& context) {
  if (context.inputs.size() != 1 || context.outputs.size() != 1 || !context.inputs[0].present() ||
      !context.outputs[0].present())
    return context.invalid("slice takes one value to one value");
  const BoundTensor &src = context.inputs[0], &dst = context.outputs[0];
  const schema::Slice& attributes = *context.step.attributes_as_Slice();
  kernels::SliceDesc desc{.rank = src.rank};
  const auto rank = static_cast<uint32_t>(src.rank);
  if ((attributes.starts() == nullptr ? 0 : attributes.starts()->size()) != rank ||
      (attributes.steps() == nullptr ? 0 : attributes.steps()->size()) != rank)
    return context.invalid("starts and steps do not have ", src.rank, " entries");
  for (uint32_t d = 0; d < rank; ++d) {
    desc.starts[d] = context.expression(attributes.starts()->Get(d));
    desc.steps[d] = attributes.steps()->Get(d);
  }
  if (const Status status = kernels::check_slice(desc, src.sizes(), dst.sizes()); !status.ok())
    return context.invalid(status.error().message);

  const kernels::TensorView from = kernels::sliced(desc, src.sizes(), dst.shape());
  int64_t offset = 0;
  if (dst.count() != 0)
    for (int d = 0; d < desc.rank; ++d) offset += src.strides[d] * desc.starts[d];
  auto step = std::make_unique<StridedCopyStep>();
  step->add(src, offset * static_cast<int64_t>(size_of(src.dtype)), from.strides, dst, 0, dst.strides, dst.shape());
  return finish(std::move(step), context);
}

}  // namespace tegula::runtime
