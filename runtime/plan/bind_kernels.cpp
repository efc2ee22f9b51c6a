#include "runtime/plan/bind_kernels.h"

#include <array>

#include "runtime/printable.h"

namespace tegula::runtime {

#define TEGULA_STEP(table, binder, kind) Result<std::unique_ptr<BoundStep>> binder(const BindContext& context);
#include "runtime/steps/steps.inc"
#undef TEGULA_STEP

namespace {

struct Row {
  BindFunction bind = nullptr;
  std::string_view kind = "?";
};

// Indexed by the number of the attribute table.
const std::array<Row, static_cast<std::size_t>(schema::StepAttributes::MAX) + 1>& rows() {
  static const auto table = [] {
    std::array<Row, static_cast<std::size_t>(schema::StepAttributes::MAX) + 1> result{};
#define TEGULA_STEP(table, binder, kind) \
  result[static_cast<std::size_t>(schema::StepAttributes::table)] = {binder, #kind};
#include "runtime/steps/steps.inc"
#undef TEGULA_STEP
    return result;
  }();
  return table;
}

const Row& row_of(const schema::Step& step) {
  return rows()[static_cast<std::size_t>(step.attributes_type())];
}

// The operands of one step after the other; the vectors are kept between steps.
class OperandLists {
 public:
  explicit OperandLists(const std::vector<BoundTensor>& values) : values_(values) {}

  void collect(const schema::Step& step) {
    inputs_.clear();
    outputs_.clear();
    post_op_operands_.clear();
    if (step.inputs() != nullptr)
      for (const int32_t value : *step.inputs()) add(value, inputs_);
    if (step.outputs() != nullptr)
      for (const int32_t value : *step.outputs()) add(value, outputs_);
    if (step.post_ops() != nullptr)
      for (const schema::PostOp* op : *step.post_ops()) add(op->operand(), post_op_operands_);
  }

  std::span<const BoundTensor> inputs() const { return inputs_; }
  std::span<const BoundTensor> outputs() const { return outputs_; }
  std::span<const BoundTensor> post_op_operands() const { return post_op_operands_; }

 private:
  void add(int32_t value, std::vector<BoundTensor>& to) const {
    to.push_back(value < 0 ? BoundTensor() : values_[static_cast<std::size_t>(value)]);
  }

  const std::vector<BoundTensor>& values_;
  std::vector<BoundTensor> inputs_, outputs_, post_op_operands_;
};

}  // namespace

Result<std::vector<std::unique_ptr<BoundStep>>> bind_kernels(const ProgramModel& model,
                                                             const std::vector<BoundTensor>& values,
                                                             std::span<const int64_t> expressions,
                                                             const jit::CpuFeatures& features, KernelLibrary& kernels,
                                                             std::vector<std::vector<std::string>>* declined) {
  std::vector<std::unique_ptr<BoundStep>> steps;
  steps.reserve(model.steps.size());
  OperandLists operands(values);
  for (const ProgramModel::Step& step : model.steps) {
    operands.collect(*step.table);
    const BindContext context{*step.table,
                              operands.inputs(),
                              operands.outputs(),
                              operands.post_op_operands(),
                              expressions,
                              values,
                              features,
                              kernels,
                              declined != nullptr ? &declined->emplace_back() : nullptr};
    TEGULA_ASSIGN_OR_RETURN(std::unique_ptr<BoundStep> bound, row_of(*step.table).bind(context));
    steps.push_back(std::move(bound));
  }
  return steps;
}

std::string_view kind_of(const schema::Step& step) {
  return row_of(step).kind;
}

Status check_operators(const ProgramModel& model) {
  for (std::size_t i = 0; i < model.steps.size(); ++i) {
    const schema::Step& step = *model.steps[i].table;
    if (row_of(step).bind == nullptr)
      return Error{ErrorCode::kUnsupported,
                   concat("steps[", i, "] ", quoted(step.name()->string_view()), ": this runtime has no operator ",
                          schema::EnumNameStepAttributes(step.attributes_type()), "; update the runtime")};
  }
  return {};
}

}  // namespace tegula::runtime
