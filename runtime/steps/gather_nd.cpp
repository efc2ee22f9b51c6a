#include "kernels/gather_nd/gather_nd.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_gather_nd(const BindContext& context) {
  const auto& attributes = *context.step.attributes_as_GatherNd();
  const kernels::GatherNdDesc desc{static_cast<int>(attributes.batch_dims())};
  return bind_plain_step(desc, &kernels::gather_nd, context);
}

}  // namespace tegula::runtime
