#include "runtime/executor/step_times.h"

#include "runtime/plan/step_words.h"

namespace tegula::runtime {

std::vector<StepProfile> StepTimes::profile(const ProgramState& program) const {
  std::vector<StepProfile> rows;
  if (plan_ == nullptr) return rows;
  for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
    const schema::Step& table = *program.model().steps[s].table;
    const BoundStep& step = *plan_->steps[s];
    StepProfile row;
    StepWords words = words_of(table, plan_->values);
    row.name = std::move(words.name);
    row.kind = std::move(words.kind);
    row.implementation = step.implementation();
    row.dtypes = std::move(words.dtypes);
    row.shapes = std::move(words.shapes);
    row.flop = step.flop();
    row.milliseconds = static_cast<double>(nanoseconds_[s]) * 1e-6;
    row.runs = runs_[s];
    row.plain_loops = step.plain_loops();
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace tegula::runtime
