#pragma once
#include "kernels/pool/narrow_pool.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// What table QuantizedEnds says of src and dst; the defaults for nullptr.
void read_ends(const schema::QuantizedEnds* table, kernels::QuantizedOperand& src, kernels::QuantizedResult& dst);

/// Pools the step's first input into its first output, which are seen with the sizes of `src` and `dst` ([n,
/// spatial..., c], no addresses). kInvalidFile: as check(NarrowPoolDesc).
Result<std::unique_ptr<BoundStep>> bind_narrow_pool(const BindContext& context, const kernels::NarrowPoolDesc& desc,
                                                    const kernels::TensorView& src, const kernels::TensorView& dst);

}  // namespace tegula::runtime
