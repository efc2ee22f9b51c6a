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
/// One parallel region lasts for the whole run. Each worker has a share of a step's blocks, a run of neighbours. The
/// caller publishes a step as one ticket (step, next block) for each share; it and the workers take blocks with an
/// atomic increment, first of their own share, then of others', and the caller goes on when all blocks are done. It
/// waits only for blocks that somebody has taken. A worker that finds nothing to take spins for a short while, then
/// leaves; it is invited again by a later step with many blocks. Steps with one block, and all steps with one thread,
/// run inline.
/// Two threads on two Zen 4 cores, milliseconds, medians of five processes in turn: this / one counter for all blocks
/// of a step / a parallel_for for each step: MobileNetV2 3.42 / 3.52 / 3.39, ResNet-50 38.3 / 38.5 / 38.5, BERT-base of
/// 128 tokens 105.0 / 105.4 / 105.2, DLRM 0.0829 / 0.0834 / 0.0834. Runs of neighbours stay in one core's cache from
/// step to step; one region also saves a wake-up for each step, which weighs more the more threads there are.
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

  /// Alone in its cache line.
  class alignas(64) Ticket {
   public:
    uint64_t load() const { return value_.load(std::memory_order_acquire); }
    void store(uint64_t value) { value_.store(value, std::memory_order_release); }
    uint64_t take() { return value_.fetch_add(1, std::memory_order_acq_rel); }

   private:
    std::atomic<uint64_t> value_{0};
  };

  ThreadTeam* team_;
  std::vector<uint32_t> blocks_;  // of each step
  std::vector<Ticket> tickets_;   // of each thread's share
  bool any_parallel_ = false;
};

}  // namespace tegula::runtime
