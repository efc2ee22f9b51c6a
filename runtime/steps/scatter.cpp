#include "kernels/scatter/scatter.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_scatter_elements(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_ScatterElements();
  const kernels::ScatterElementsDesc desc{.axis = static_cast<int>(attributes.axis()),
                                          .reduction = static_cast<kernels::ScatterReduction>(attributes.reduction())};
  return bind_plain_step(desc, &kernels::scatter_elements, context);
}

Result<std::unique_ptr<BoundStep>> bind_scatter_nd(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_ScatterNd();
  const kernels::ScatterNdDesc desc{.reduction = static_cast<kernels::ScatterReduction>(attributes.reduction())};
  return bind_plain_step(desc, &kernels::scatter_nd, context);
}

}  // namespace tegula::runtime
