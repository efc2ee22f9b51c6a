#pragma once
#include <span>
#include <vector>

#include "jit/cpu_features.h"
#include "schema/base/result.h"
#include "tegula/instance.h"

namespace tegula::runtime {

class ProgramState;

/// The kernels that a plan of these shapes has on a CPU with `features`, whether or not this one has them: chosen and
/// generated as for make_plan(), never run. Errors are those of make_plan().
Result<std::vector<StepChoice>> explain_plan(const ProgramState& program, std::span<const int64_t> key,
                                             const jit::CpuFeatures& features);

}  // namespace tegula::runtime
