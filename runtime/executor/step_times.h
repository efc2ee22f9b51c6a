#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/executor/step_runner.h"
#include "runtime/plan/plan.h"
#include "runtime/program_state.h"
#include "tegula/instance.h"

namespace tegula::runtime {

/// Adds up the time that each step takes, on the thread that called run().
class StepTimes final : public StepListener {
 public:
  explicit StepTimes(std::size_t steps) : nanoseconds_(steps, 0), runs_(steps, 0) {}

  /// The plan that the next run uses; profiles describe the last one.
  void set_plan(std::shared_ptr<const Plan> plan) { plan_ = std::move(plan); }

  void before(std::size_t) override { start_ = Clock::now(); }
  void after(std::size_t step) override {
    nanoseconds_[step] += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count();
    ++runs_[step];
  }

  /// One row for each step; empty before the first run.
  std::vector<StepProfile> profile(const ProgramState& program) const;

 private:
  using Clock = std::chrono::steady_clock;

  std::shared_ptr<const Plan> plan_;
  std::vector<int64_t> nanoseconds_, runs_;
  Clock::time_point start_;
};

}  // namespace tegula::runtime
