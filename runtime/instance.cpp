#include "tegula/instance.h"

#include <utility>

#include "runtime/instance_state.h"
#include "runtime/no_throw.h"
#include "runtime/threading/cpu_count.h"

namespace tegula {
namespace {

// More threads than any machine has CPUs are a mistake of the caller's.
constexpr int kMostThreads = 4096;

Error moved_from() {
  return Error{ErrorCode::kInvalidArgument, "the instance was moved from"};
}

}  // namespace

Instance::Instance(std::unique_ptr<runtime::InstanceState> state) : state_(std::move(state)) {}
Instance::Instance(Instance&&) noexcept = default;
Instance& Instance::operator=(Instance&&) noexcept = default;
Instance::~Instance() = default;

Result<Instance> Instance::create(const Program& program, const InstanceOptions& options) {
  if (!program.state()) return Error{ErrorCode::kInvalidArgument, "the program was moved from"};
  return program.state()->log().checked(runtime::no_throw([&]() -> Result<Instance> {
    if (options.threads < 0 || options.threads > kMostThreads)
      return Error{ErrorCode::kInvalidArgument, concat("threads is ", options.threads, "; give a number from 1 to ",
                                                       kMostThreads, ", or 0 for one per core")};
    const int threads = options.threads == 0 ? runtime::default_threads(runtime::allowed_cpus()) : options.threads;
    program.state()->log().info("made an instance of ", threads, threads == 1 ? " thread" : " threads");
    return Instance(std::make_unique<runtime::InstanceState>(program.state(), threads));
  }));
}

Status Instance::prepare(std::span<const NamedInput> inputs) {
  if (!state_) return moved_from();
  return state_->log().checked(runtime::no_throw([&] { return state_->prepare(inputs); }));
}

Result<std::vector<Dims>> Instance::output_shapes(std::span<const NamedInput> inputs) {
  if (!state_) return moved_from();
  return state_->log().checked(runtime::no_throw([&] { return state_->output_shapes(inputs); }));
}

Status Instance::run(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs) {
  if (!state_) return moved_from();
  return state_->log().checked(runtime::no_throw([&] { return state_->run(inputs, outputs, nullptr); }));
}

Status Instance::run_observed(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs,
                              const Observer& observer) {
  if (!state_) return moved_from();
  if (!observer.see) return Error{ErrorCode::kInvalidArgument, "the observer has no function that sees values"};
  return state_->log().checked(runtime::no_throw([&] { return state_->run(inputs, outputs, &observer); }));
}

Result<std::vector<StepChoice>> Instance::explain(std::span<const NamedInput> inputs, std::string_view isa) {
  if (!state_) return moved_from();
  return state_->log().checked(runtime::no_throw([&] { return state_->explain(inputs, isa); }));
}

void Instance::set_profiling(bool on) {
  if (state_) state_->set_profiling(on);
}

std::vector<StepProfile> Instance::profile() const {
  return state_ ? state_->profile() : std::vector<StepProfile>();
}

Instance::Memory Instance::memory() const {
  return state_ ? state_->memory() : Memory();
}

int Instance::threads() const {
  return state_ ? state_->threads() : 0;
}

}  // namespace tegula
