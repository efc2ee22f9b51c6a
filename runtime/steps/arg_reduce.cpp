#include "kernels/arg_reduce/arg_reduce.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_arg_reduce(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_ArgReduce();
  const kernels::ArgReduceDesc desc{
      .axis = static_cast<int>(attributes.axis()), .max = attributes.max(), .select_last = attributes.select_last()};
  return bind_plain_step(desc, &kernels::arg_reduce, context);
}

}  // namespace tegula::runtime
