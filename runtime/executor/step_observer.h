#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/executor/step_runner.h"
#include "runtime/plan/plan.h"
#include "runtime/program_state.h"
#include "tegula/instance.h"

namespace tegula::runtime {

/// Shows values to an Observer right after the step that completes them, while their memory still holds them: what the
/// step writes; a base once the last of its parts is written; and views of either that no step writes itself (reshapes
/// and the like).
class StepObserver final : public StepListener {
 public:
  StepObserver(const ProgramState& program, const Plan& plan, const RunContext& context, const Observer& observer);

  void after(std::size_t step) override;

 private:
  void show(std::size_t step, int32_t value);

  const ProgramState& program_;
  const Plan& plan_;
  const RunContext& context_;
  const Observer& observer_;
  std::vector<std::vector<int32_t>> shown_;  // values by step
};

}  // namespace tegula::runtime
