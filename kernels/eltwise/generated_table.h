#pragma once
#include "jit/vector/program.h"
#include "kernels/eltwise/eltwise_kernel.h"

namespace tegula::kernels {

/// Whether a chain, recorded as `program`, is better looked up: one contiguous input of u8 or s8, a result of one byte,
/// and more arithmetic than the lookup costs.
bool is_better_as_table(const EltwiseCodeDesc& desc, const jit::VectorProgram& program);

/// The chain as a table of its 256 results, which plain loops compute.
Result<EltwiseCodePtr> build_eltwise_table(const EltwiseCodeDesc& desc);

}  // namespace tegula::kernels
