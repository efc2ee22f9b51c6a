#include "kernels/trilu/trilu.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_trilu(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_Trilu();
  if (attributes.k() == nullptr || attributes.k()->size() != 1) return context.invalid("k must be one expression");
  const kernels::TriluDesc desc{.upper = attributes.upper(), .k = context.expression(attributes.k()->Get(0))};
  return bind_plain_step(desc, &kernels::trilu, context);
}

}  // namespace tegula::runtime
