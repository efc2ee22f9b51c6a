#include "kernels/cumsum/cumsum.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_cumsum(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_CumSum();
  const kernels::CumSumDesc desc{.axis = static_cast<int>(attributes.axis()),
                                 .exclusive = attributes.exclusive(),
                                 .reverse = attributes.reverse(),
                                 .product = attributes.product()};
  return bind_plain_step(desc, &kernels::cumsum, context);
}

}  // namespace tegula::runtime
