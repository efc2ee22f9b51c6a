#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/executor/step_runner.h"
#include "runtime/executor/step_times.h"
#include "runtime/loader/memory_block.h"
#include "runtime/program_state.h"
#include "runtime/threading/thread_team.h"
#include "tegula/instance.h"

namespace tegula::runtime {

/// What one instance may change: its threads, the plan in use, activation memory, the profile. The public functions
/// of Instance forward here, behind a guard against concurrent calls, fork() and exceptions.
class InstanceState {
 public:
  InstanceState(std::shared_ptr<const ProgramState> program, int threads);
  ~InstanceState();

  Status prepare(std::span<const NamedInput> inputs);
  Result<std::vector<Dims>> output_shapes(std::span<const NamedInput> inputs);
  Status run(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs, const Observer* observer);

  Result<std::vector<StepChoice>> explain(std::span<const NamedInput> inputs, std::string_view isa);
  void set_profiling(bool on);
  std::vector<StepProfile> profile() const;
  Instance::Memory memory() const;
  const Log& log() const { return program_->log(); }
  int threads() const { return team_ ? team_->threads() : 1; }

 private:
  class Busy;

  // Checks the inputs and remembers their shapes (key_) and addresses.
  Status bind_inputs(std::span<const NamedInput> inputs, bool needs_data);
  Status bind_outputs(std::span<const NamedOutput> outputs);
  Result<std::shared_ptr<const Plan>> plan_for_key();
  // Makes the plan the one in use: its memory, and how its steps split.
  Status adopt(std::shared_ptr<const Plan> plan);
  Status execute(const Observer* observer);

  const std::shared_ptr<const ProgramState> program_;
  const uint32_t fork_generation_;
  std::unique_ptr<ThreadTeam> team_;
  StepRunner runner_;
  std::atomic<bool> busy_{false};

  // One entry for each input, output or element of the key; never resized after construction.
  std::vector<int64_t> key_;
  std::vector<const std::byte*> input_addresses_;
  std::vector<std::byte*> output_addresses_;
  std::vector<bool> seen_;

  std::shared_ptr<const Plan> plan_;
  std::vector<int64_t> plan_key_;
  MemoryBlock arena_, scratch_;

  mutable std::mutex profile_mutex_;  // profile() and memory() may be called while a run is going on
  std::unique_ptr<StepTimes> times_;  // while profiling
  Instance::Memory memory_;
};

}  // namespace tegula::runtime
