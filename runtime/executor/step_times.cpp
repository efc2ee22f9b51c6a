#include "runtime/executor/step_times.h"

#include "runtime/plan/bind_kernels.h"

namespace tegula::runtime {
namespace {

// "a,b->c", each entry by `text` and absent operands as "-".
template <typename Text>
std::string join_operands(const schema::Step& step, const std::vector<BoundTensor>& values, Text&& text) {
  std::string result;
  const auto append = [&](const flatbuffers::Vector<int32_t>* list) {
    if (list == nullptr) return;
    for (uint32_t i = 0; i < list->size(); ++i) {
      const int32_t value = list->Get(i);
      if (i > 0) result += ',';
      result += value < 0 ? std::string("-") : text(values[static_cast<std::size_t>(value)]);
    }
  };
  append(step.inputs());
  result += "->";
  append(step.outputs());
  return result;
}

}  // namespace

std::vector<StepProfile> StepTimes::profile(const ProgramState& program) const {
  std::vector<StepProfile> rows;
  if (plan_ == nullptr) return rows;
  for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
    const schema::Step& table = *program.model().steps[s].table;
    const BoundStep& step = *plan_->steps[s];
    StepProfile row;
    row.name = table.onnx_nodes() != nullptr && table.onnx_nodes()->size() > 0 ? table.onnx_nodes()->Get(0)->str()
                                                                               : table.name()->str();
    row.kind = kind_of(table);
    row.implementation = step.implementation();
    row.dtypes = join_operands(table, plan_->values,
                               [](const BoundTensor& tensor) { return std::string(name_of(tensor.dtype)); });
    row.shapes =
        join_operands(table, plan_->values, [](const BoundTensor& tensor) { return to_string(tensor.shape()); });
    row.flop = step.flop();
    row.milliseconds = static_cast<double>(nanoseconds_[s]) * 1e-6;
    row.runs = runs_[s];
    row.plain_loops = step.plain_loops();
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace tegula::runtime
