#include "runtime/instance_state.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/check_tensors.h"
#include "runtime/executor/step_observer.h"
#include "runtime/plan/explain_plan.h"
#include "runtime/printable.h"
#include "runtime/threading/fork_guard.h"

namespace tegula::runtime {
namespace {

template <typename... Parts>
Error wrong(const Parts&... parts) {
  return Error{ErrorCode::kInvalidArgument, concat(parts...)};
}

// Two listeners as one.
class BothListeners final : public StepListener {
 public:
  BothListeners(StepListener& first, StepListener& second) : first_(first), second_(second) {}
  void before(std::size_t step) override {
    second_.before(step);
    first_.before(step);
  }
  void after(std::size_t step) override {
    first_.after(step);
    second_.after(step);
  }

 private:
  StepListener &first_, &second_;
};

}  // namespace

/// Holds the instance for one call; a second call that comes meanwhile finds it taken.
class InstanceState::Busy {
 public:
  explicit Busy(InstanceState& state) : state_(state), holds_(!state.busy_.exchange(true, std::memory_order_acquire)) {}
  ~Busy() {
    if (holds_) state_.busy_.store(false, std::memory_order_release);
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

  Status check() const {
    if (fork_generation() != state_.fork_generation_)
      return wrong("the instance was made before fork(); open the program again in the child process");
    if (!holds_) return wrong("the instance is in use by another thread; make an instance for each thread that runs");
    return {};
  }

 private:
  InstanceState& state_;
  const bool holds_;
};

InstanceState::InstanceState(std::shared_ptr<const ProgramState> program, int threads)
    : program_(std::move(program)),
      fork_generation_(fork_generation()),
      team_(threads > 1 ? std::make_unique<ThreadTeam>(threads) : nullptr),
      runner_(team_.get()),
      key_(program_->key_layout().length),
      input_addresses_(program_->model().inputs.size()),
      output_addresses_(program_->model().outputs.size()),
      seen_(std::max(input_addresses_.size(), output_addresses_.size())) {}

InstanceState::~InstanceState() {
  if (team_ && fork_generation() != fork_generation_) team_->abandon();
}

Status InstanceState::bind_inputs(std::span<const NamedInput> inputs, bool needs_data) {
  const ProgramModel& model = program_->model();
  const ShapeKeyLayout& layout = program_->key_layout();
  std::fill(seen_.begin(), seen_.end(), false);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& [name, tensor] = inputs[i];
    const int64_t found = find_port(model.inputs, name, i);
    if (found < 0) return wrong("the program has no input ", quoted(name));
    const auto p = static_cast<std::size_t>(found);
    const ProgramModel::Port& port = model.inputs[p];
    if (seen_[p]) return wrong("input ", quoted(name), " is given twice");
    seen_[p] = true;
    const bool feeds_shapes = !port.element_symbols.empty();
    TEGULA_RETURN_IF_ERROR(
        check_tensor(model, "input", port, tensor.dtype, tensor.dims, tensor.data, needs_data || feeds_shapes));
    std::copy(tensor.dims.begin(), tensor.dims.end(), key_.begin() + static_cast<std::ptrdiff_t>(layout.dims[p]));
    input_addresses_[p] = static_cast<const std::byte*>(tensor.data);
    if (!feeds_shapes) continue;
    if (element_count(tensor.dims) != static_cast<int64_t>(port.element_symbols.size()))
      return wrong("input ", quoted(name), ": ", to_string(tensor.dims), " does not have the ",
                   port.element_symbols.size(), " elements that the program reads");
    read_elements(tensor.dtype, tensor.data, std::span(key_).subspan(layout.elements[p], port.element_symbols.size()));
  }
  for (std::size_t p = 0; p < model.inputs.size(); ++p)
    if (!seen_[p]) return wrong("input ", quoted(model.inputs[p].name), " is missing");
  return {};
}

Status InstanceState::bind_outputs(std::span<const NamedOutput> outputs) {
  const ProgramModel& model = program_->model();
  for (std::size_t p = 0; p < output_addresses_.size(); ++p)
    output_addresses_[p] = arena_.data() + plan_->spare_offsets[p];
  std::fill(seen_.begin(), seen_.end(), false);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& [name, tensor] = outputs[i];
    const int64_t found = find_port(model.outputs, name, i);
    if (found < 0) return wrong("the program has no output ", quoted(name));
    const auto p = static_cast<std::size_t>(found);
    if (seen_[p]) return wrong("output ", quoted(name), " is given twice");
    seen_[p] = true;
    TEGULA_RETURN_IF_ERROR(
        check_tensor(model, "output", model.outputs[p], tensor.dtype, tensor.dims, tensor.data, true));
    if (tensor.dims != plan_->output_dims[p])
      return wrong("output ", quoted(name), ": has shape ", to_string(tensor.dims), ", these inputs give ",
                   to_string(plan_->output_dims[p]));
    output_addresses_[p] = static_cast<std::byte*>(tensor.data);
  }
  return {};
}

Result<std::shared_ptr<const Plan>> InstanceState::plan_for_key() {
  if (plan_ != nullptr && plan_key_ == key_) return plan_;
  return program_->plan_for(key_);
}

Status InstanceState::adopt(std::shared_ptr<const Plan> plan) {
  if (plan == plan_) return {};
  const uint64_t scratch_bytes = plan->scratch_bytes * static_cast<uint64_t>(threads());
  plan_ = nullptr;
  if (plan->memory_bytes > arena_.bytes()) {
    arena_ = MemoryBlock();  // before the new one, so that the two are never there together
    TEGULA_ASSIGN_OR_RETURN(arena_, MemoryBlock::allocate(plan->memory_bytes));
  }
  if (scratch_bytes > scratch_.bytes()) {
    scratch_ = MemoryBlock();
    TEGULA_ASSIGN_OR_RETURN(scratch_, MemoryBlock::allocate(scratch_bytes));
  }
  runner_.prepare(*plan);
  plan_key_.assign(key_.begin(), key_.end());
  plan_ = std::move(plan);
  const std::lock_guard lock(profile_mutex_);
  memory_ = {plan_->arena_bytes, plan_->largest_live_bytes, scratch_bytes};
  return {};
}

Status InstanceState::prepare(std::span<const NamedInput> inputs) {
  const Busy busy(*this);
  TEGULA_RETURN_IF_ERROR(busy.check());
  TEGULA_RETURN_IF_ERROR(bind_inputs(inputs, false));
  TEGULA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, plan_for_key());
  return adopt(std::move(plan));
}

Result<std::vector<Dims>> InstanceState::output_shapes(std::span<const NamedInput> inputs) {
  const Busy busy(*this);
  TEGULA_RETURN_IF_ERROR(busy.check());
  TEGULA_RETURN_IF_ERROR(bind_inputs(inputs, false));
  TEGULA_ASSIGN_OR_RETURN(const std::shared_ptr<const Plan> plan, plan_for_key());
  return plan->output_dims;
}

Status InstanceState::run(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs,
                          const Observer* observer) {
  const Busy busy(*this);
  TEGULA_RETURN_IF_ERROR(busy.check());
  TEGULA_RETURN_IF_ERROR(bind_inputs(inputs, true));
  TEGULA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, plan_for_key());
  TEGULA_RETURN_IF_ERROR(adopt(std::move(plan)));
  TEGULA_RETURN_IF_ERROR(bind_outputs(outputs));
  TEGULA_RETURN_IF_ERROR(check_overlaps(inputs, outputs));
  return execute(observer);
}

Result<std::vector<StepChoice>> InstanceState::explain(std::span<const NamedInput> inputs, std::string_view isa) {
  const Busy busy(*this);
  TEGULA_RETURN_IF_ERROR(busy.check());
  TEGULA_RETURN_IF_ERROR(bind_inputs(inputs, false));
  jit::CpuFeatures features = program_->features();
  if (!isa.empty()) {
    TEGULA_ASSIGN_OR_RETURN(features, jit::CpuFeatures::from_name(isa));
  }
  return explain_plan(*program_, key_, features);
}

Status InstanceState::execute(const Observer* observer) {
  const RunContext context(arena_.data(), input_addresses_, output_addresses_);
  std::optional<StepObserver> observing;
  if (observer != nullptr) observing.emplace(*program_, *plan_, context, *observer);
  std::unique_lock profile_lock(profile_mutex_);
  StepTimes* times = times_.get();
  if (times != nullptr) times->set_plan(plan_);
  if (times == nullptr) {
    profile_lock.unlock();
    runner_.run(*plan_, context, scratch_.data(), observing ? &*observing : nullptr);
  } else if (observing) {
    BothListeners both(*times, *observing);
    runner_.run(*plan_, context, scratch_.data(), &both);
  } else {
    runner_.run(*plan_, context, scratch_.data(), times);
  }
  return context.failed() ? Status(context.take_error()) : Status();
}

void InstanceState::set_profiling(bool on) {
  const std::lock_guard lock(profile_mutex_);
  times_ = on ? std::make_unique<StepTimes>(program_->model().steps.size()) : nullptr;
}

std::vector<StepProfile> InstanceState::profile() const {
  const std::lock_guard lock(profile_mutex_);
  return times_ ? times_->profile(*program_) : std::vector<StepProfile>();
}

Instance::Memory InstanceState::memory() const {
  const std::lock_guard lock(profile_mutex_);
  return memory_;
}

}  // namespace tegula::runtime
