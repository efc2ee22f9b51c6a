#include "kernels/concat/concat.h"

#include "runtime/steps/strided_copy_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_concat(const BindContext& context) {
  if (context.inputs.empty() || context.outputs.size() != 1 || !context.outputs[0].present())
    return context.invalid("concat takes values to one value");
  const BoundTensor& dst = context.outputs[0];
  const uint32_t axis_number = context.step.attributes_as_Concat()->axis();
  if (axis_number >= static_cast<uint32_t>(dst.rank))
    return context.invalid("axis ", axis_number, " of rank ", dst.rank);
  const int axis = static_cast<int>(axis_number);
  std::vector<kernels::TensorView> sizes;
  for (const BoundTensor& src : context.inputs) {
    if (!src.present()) return context.invalid("an input is absent");
    sizes.push_back(src.sizes());
  }
  if (const Status status = kernels::check_concat(axis, sizes, dst.sizes()); !status.ok())
    return context.invalid(status.error().message);

  auto step = std::make_unique<StridedCopyStep>();
  int64_t begin = 0;
  for (const BoundTensor& src : context.inputs) {
    step->add(src, 0, src.strides, dst, begin * dst.strides[axis] * static_cast<int64_t>(size_of(dst.dtype)),
              dst.strides, src.shape());
    begin += src.dims[axis];
  }
  return finish(std::move(step), context);
}

}  // namespace tegula::runtime
