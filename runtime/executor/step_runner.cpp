#include "runtime/executor/step_runner.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <exception>

#include "runtime/threading/float_mode.h"

namespace tegula::runtime {
namespace {

// A worker that finds nothing to do looks again this often before it leaves: some 30 to 60 microseconds, which spans
// the steps of one block that lie between two with many, and costs little when a run ends.
constexpr int kIdleSpins = 1000;
// How often the caller looks whether the last blocks are done before it offers its CPU to whoever holds them.
constexpr int kSpinsBeforeYield = 2000;
constexpr int64_t kMostBlocks = int64_t{1} << 24;

void run_block(const BoundStep& step, const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) {
  try {
    step.run(context, block, blocks, scratch);
  } catch (const std::bad_alloc&) {
    context.fail(ErrorCode::kOutOfMemory, "out of memory while a step ran");
  } catch (const std::exception& error) {
    context.fail(ErrorCode::kInternal, error.what());
  }
}

}  // namespace

/// One run of a plan by several threads.
class StepRunner::Region final : public ThreadTeam::Region, public ThreadTeam::Body {
 public:
  Region(StepRunner& runner, const Plan& plan, const RunContext& context, std::byte* scratch, StepListener* listener)
      : runner_(runner), plan_(plan), context_(context), scratch_(scratch), listener_(listener) {}

  void run(int worker) override {
    try {
      for (std::size_t s = 0; s < plan_.steps.size() && !context_.failed(); ++s) {
        if (listener_ != nullptr) listener_->before(s);
        run_step(s, worker);
        if (listener_ != nullptr) listener_->after(s);
      }
    } catch (...) {
      thrown_ = std::current_exception();
    }
    publish(kClosedStep, 0);
  }

  void work(int worker) override {
    int idle = 0;
    while (idle < kIdleSpins) {
      if (step_of(runner_.tickets_[0].load()) == kClosedStep) break;
      if (take_block(worker)) {
        idle = 0;
        continue;
      }
      ++idle;
      _mm_pause();
    }
    present_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// What the listener threw.
  std::exception_ptr thrown() const { return thrown_; }

 private:
  // A ticket holds the step in its upper half and the next block of one worker's share in its lower half. One whose
  // blocks are all taken is incremented only by those that saw it a moment before, so the lower half cannot overflow.
  static constexpr uint32_t kClosedStep = 0xffffffff;
  static uint64_t ticket_of(uint32_t step, uint32_t block) { return uint64_t{step} << 32 | block; }
  static uint32_t step_of(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 32); }
  static uint32_t block_of(uint64_t ticket) { return static_cast<uint32_t>(ticket); }

  uint32_t blocks_of(uint32_t step) const { return step < runner_.blocks_.size() ? runner_.blocks_[step] : 0; }

  std::byte* scratch_of(int worker) const { return scratch_ + static_cast<uint64_t>(worker) * plan_.scratch_bytes; }

  // Shares are runs of blocks: the first block of share `share` of `blocks` blocks.
  uint32_t share_begin(uint64_t share, uint32_t blocks) const {
    return static_cast<uint32_t>(share * blocks / runner_.tickets_.size());
  }

  // Takes a block of the worker's own share, or else of the next one that has any, and runs it.
  bool take_block(int worker) {
    const std::size_t shares = runner_.tickets_.size();
    for (std::size_t i = 0, share = static_cast<std::size_t>(worker); i < shares; ++i, ++share) {
      if (share >= shares) share -= shares;
      if (take_block_of(share, worker)) return true;
    }
    return false;
  }

  // Whatever step the ticket names by now.
  bool take_block_of(std::size_t share, int worker) {
    Ticket& next = runner_.tickets_[share];
    if (!has_block(next.load(), share)) return false;
    const uint64_t ticket = next.take();
    if (!has_block(ticket, share)) return false;
    const uint32_t step = step_of(ticket);
    run_block(*plan_.steps[step], context_, block_of(ticket), blocks_of(step), scratch_of(worker));
    done_.fetch_add(1, std::memory_order_release);
    return true;
  }

  bool has_block(uint64_t ticket, std::size_t share) const {
    return block_of(ticket) < share_begin(share + 1, blocks_of(step_of(ticket)));
  }

  void publish(uint32_t step, uint32_t blocks) {
    for (std::size_t share = 0; share < runner_.tickets_.size(); ++share)
      runner_.tickets_[share].store(ticket_of(step, share_begin(share, blocks)));
  }

  void run_step(std::size_t s, int worker) {
    const uint32_t blocks = runner_.blocks_[s];
    if (blocks == 1) return run_block(*plan_.steps[s], context_, 0, 1, scratch_of(worker));
    done_.store(0, std::memory_order_relaxed);
    publish(static_cast<uint32_t>(s), blocks);
    invite_workers(blocks);
    while (take_block(worker)) {
    }
    for (int spins = 0; done_.load(std::memory_order_acquire) != blocks; ++spins) {
      if (spins < kSpinsBeforeYield) {
        _mm_pause();
      } else {
        sched_yield();
      }
    }
  }

  void invite_workers(uint32_t blocks) {
    const int wanted =
        std::min<int>(runner_.team_->threads(), static_cast<int>(std::min<uint32_t>(blocks, 1u << 16))) - 1;
    const int missing = wanted - present_.load(std::memory_order_relaxed);
    if (missing <= 0) return;
    present_.fetch_add(missing, std::memory_order_relaxed);
    runner_.team_->invite(*this, missing);
  }

  StepRunner& runner_;
  const Plan& plan_;
  const RunContext& context_;
  std::byte* scratch_;
  StepListener* listener_;
  std::exception_ptr thrown_;
  alignas(64) std::atomic<uint32_t> done_{0};
  alignas(64) std::atomic<int> present_{0};  // workers that were invited and have not left
};

StepRunner::StepRunner(ThreadTeam* team)
    : team_(team), tickets_(team == nullptr ? 0 : static_cast<std::size_t>(team->threads())) {}

void StepRunner::prepare(const Plan& plan) {
  blocks_.clear();
  any_parallel_ = false;
  const int threads = team_ == nullptr ? 1 : team_->threads();
  for (const auto& step : plan.steps) {
    const int64_t blocks = step->blocks(threads);
    TEGULA_CHECK(blocks >= 1 && blocks <= kMostBlocks, "a step splits into at least one and not absurdly many blocks");
    blocks_.push_back(static_cast<uint32_t>(blocks));
    any_parallel_ |= blocks > 1;
  }
}

void StepRunner::run(const Plan& plan, const RunContext& context, std::byte* scratch, StepListener* listener) {
  TEGULA_CHECK(blocks_.size() == plan.steps.size(), "the plan was prepared");
  const FloatMode mode;
  if (team_ != nullptr && any_parallel_) {
    Region region(*this, plan, context, scratch, listener);
    team_->execute(region);
    if (region.thrown()) std::rethrow_exception(region.thrown());
    return;
  }
  for (std::size_t s = 0; s < plan.steps.size() && !context.failed(); ++s) {
    if (listener != nullptr) listener->before(s);
    for (uint32_t block = 0; block < blocks_[s]; ++block)
      run_block(*plan.steps[s], context, block, blocks_[s], scratch);
    if (listener != nullptr) listener->after(s);
  }
}

}  // namespace tegula::runtime
