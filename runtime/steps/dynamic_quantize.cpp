#include "kernels/quantize/dynamic_quantize.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_dynamic_quantize(const BindContext& context) {
  const kernels::DynamicQuantizeDesc desc{context.step.attributes_as_DynamicQuantize()->per_row()};
  return bind_plain_step(desc, &kernels::dynamic_quantize, context);
}

}  // namespace tegula::runtime
