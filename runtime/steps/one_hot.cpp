#include "kernels/one_hot/one_hot.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_one_hot(const BindContext& context) {
  const kernels::OneHotDesc desc{static_cast<int>(context.step.attributes_as_OneHot()->axis())};
  return bind_plain_step(desc, &kernels::one_hot, context);
}

}  // namespace tegula::runtime
