#include "kernels/topk/topk.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_topk(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_TopK();
  const kernels::TopKDesc desc{.axis = static_cast<int>(attributes.axis()), .largest = attributes.largest()};
  return bind_plain_step(desc, &kernels::topk, context);
}

}  // namespace tegula::runtime
