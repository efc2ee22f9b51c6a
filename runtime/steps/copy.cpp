#include "kernels/copy/copy.h"

#include "runtime/steps/strided_copy_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_copy(const BindContext& context) {
  if (context.inputs.size() != 1 || context.outputs.size() != 1 || !context.inputs[0].present() ||
      !context.outputs[0].present())
    return context.invalid("copy takes one value to one value");
  const BoundTensor &src = context.inputs[0], &dst = context.outputs[0];
  if (const Status status = kernels::check_copy(src.sizes(), dst.sizes()); !status.ok())
    return context.invalid(status.error().message);
  const kernels::TensorView from = src.sizes().broadcast_to(dst.shape());
  auto step = std::make_unique<StridedCopyStep>();
  step->add(src, 0, from.strides, dst, 0, dst.strides, dst.shape());
  return finish(std::move(step), context);
}

}  // namespace tegula::runtime
