#pragma once
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/plan/plan.h"
#include "runtime/steps/step.h"
#include "runtime/threading/thread_team.h"

namespace tegula::runtime {

/// Told about each step from the thread that called run(), while no other step runs.
class StepListener {
 public:
  virtual void before(std::size_t /*step*/) {}
  virtual void after(std::size_t step) = 0;

 protected:
  ~StepListener() = default;
};

/// Runs the steps of a plan, one after the other, the blocks of each on as many threads as have come.
///
/// One parallel region lasts for the whole run. The caller publishes a step as a ticket (step, next block); it and the
/// workers take blocks from it with an atomic increment, and the caller goes on when all blocks are done. It waits only
/// for blocks that somebody has taken. A worker that finds nothing to take spins for a short while, then leaves; it is
/// invited again by a later step with many blocks. Steps with one block, and all steps with one thread, run inline.
class StepRunner {
 public:
  /// `team` is nullptr for one thread. It must outlive the runner.
  explicit StepRunner(ThreadTeam* team);

  /// Remembers how the plan's steps split. Allocates; run() does not.
  void prepare(const Plan& plan);

  /// Runs the plan that was prepared last. `scratch` has plan.scratch_bytes for each thread. Stops after a step that
  /// fails; the error is in the context. Exceptions of steps become kInternal; those of the listener pass through.
  void run(const Plan& plan, const RunContext& context, std::byte* scratch, StepListener* listener);

 private:
  class Region;

  ThreadTeam* team_;
  std::vector<uint32_t> blocks_;  // of each step
  bool any_parallel_ = false;
};

}  // namespace tegula::runtime
