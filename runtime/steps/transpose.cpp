#include "kernels/transpose/transpose.h"

#include "runtime/steps/strided_copy_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_transpose(const BindContext& context) {
  if (context.inputs.size() != 1 || context.outputs.size() != 1 || !context.inputs[0].present() ||
      !context.outputs[0].present())
    return context.invalid("transpose takes one value to one value");
  const BoundTensor &src = context.inputs[0], &dst = context.outputs[0];
  const auto* perm = context.step.attributes_as_Transpose()->perm();
  kernels::TransposeDesc desc{.rank = src.rank};
  if ((perm == nullptr ? 0 : perm->size()) != static_cast<uint32_t>(src.rank))
    return context.invalid("the permutation does not have ", src.rank, " entries");
  for (int d = 0; d < desc.rank; ++d) {
    const uint32_t from = perm->Get(static_cast<uint32_t>(d));
    desc.perm[d] = from < static_cast<uint32_t>(desc.rank) ? static_cast<int>(from) : -1;
  }
  if (const Status status = kernels::check_transpose(desc, src.sizes(), dst.sizes()); !status.ok())
    return context.invalid(status.error().message);
  const kernels::TensorView from = src.sizes().permuted(desc.order());
  auto step = std::make_unique<StridedCopyStep>();
  step->add(src, 0, from.strides, dst, 0, dst.strides, dst.shape());
  return finish(std::move(step), context);
}

}  // namespace tegula::runtime
