#include "kernels/range/range.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_range(const BindContext& context) {
  const kernels::RangeDesc desc;
  return bind_plain_step(desc, &kernels::range, context);
}

}  // namespace tegula::runtime
