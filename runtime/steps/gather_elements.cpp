#include "kernels/gather_elements/gather_elements.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_gather_elements(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_GatherElements();
  const kernels::GatherElementsDesc desc{static_cast<int>(attributes.axis())};
  return bind_plain_step(desc, &kernels::gather_elements, context);
}

}  // namespace tegula::runtime
