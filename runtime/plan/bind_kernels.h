#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/loader/program_model.h"
#include "runtime/steps/step.h"
#include "schema/base/result.h"

namespace tegula::runtime {

/// Chooses a kernel for every step, through the table steps/steps.inc. Errors name the step. `declined`: gets a list
/// for each step, why better kernels do not run it.
Result<std::vector<std::unique_ptr<BoundStep>>> bind_kernels(const ProgramModel& model,
                                                             const std::vector<BoundTensor>& values,
                                                             std::span<const int64_t> expressions,
                                                             const jit::CpuFeatures& features, KernelLibrary& kernels,
                                                             std::vector<std::vector<std::string>>* declined = nullptr);

/// The step's kind as profiles print it: "conv"; "?" for one that this runtime does not have.
std::string_view kind_of(const schema::Step& step);

/// kUnsupported names the first step whose operator this runtime does not have.
Status check_operators(const ProgramModel& model);

}  // namespace tegula::runtime
