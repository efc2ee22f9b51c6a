#include "kernels/materialize/materialize.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_materialize(const BindContext& context) {
  kernels::MaterializeDesc desc;
  if (const auto* elements = context.step.attributes_as_Materialize()->elements())
    for (const uint32_t element : *elements) desc.elements.push_back(context.expression(element));
  return bind_plain_step(std::move(desc), &kernels::materialize, context);
}

}  // namespace tegula::runtime
