#include "runtime/plan/explain_plan.h"

#include <utility>

#include "runtime/plan/bind_kernels.h"
#include "runtime/plan/bind_shapes.h"
#include "runtime/plan/bind_values.h"
#include "runtime/plan/step_words.h"
#include "runtime/program_state.h"

namespace tegula::runtime {

Result<std::vector<StepChoice>> explain_plan(const ProgramState& program, std::span<const int64_t> key,
                                             const jit::CpuFeatures& features) {
  const ProgramModel& model = program.model();
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> expressions, bind_shapes(model, program.key_layout(), key));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<BoundTensor> values, bind_values(model, program.prototypes(), expressions));
  std::vector<std::vector<std::string>> declined;
  TEGULA_ASSIGN_OR_RETURN(const auto steps,
                          bind_kernels(model, values, expressions, features, program.kernels(), &declined));
  std::vector<StepChoice> choices;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    StepWords words = words_of(*model.steps[s].table, values);
    choices.push_back({std::move(words.name), std::move(words.kind), steps[s]->implementation(),
                       std::move(words.dtypes), std::move(words.shapes), std::move(declined[s]),
                       steps[s]->plain_loops()});
  }
  return choices;
}

}  // namespace tegula::runtime
