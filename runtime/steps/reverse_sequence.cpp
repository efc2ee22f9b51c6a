#include "kernels/reverse_sequence/reverse_sequence.h"

#include "runtime/steps/plain_step.h"

namespace tegula::runtime {

Result<std::unique_ptr<BoundStep>> bind_reverse_sequence(const BindContext& context) {
  const kernels::ReverseSequenceDesc desc{static_cast<int>(context.step.attributes_as_ReverseSequence()->time_axis())};
  return bind_plain_step(desc, &kernels::reverse_sequence, context);
}

}  // namespace tegula::runtime
