#include "runtime/executor/step_observer.h"

#include "kernels/copy/copy.h"

namespace tegula::runtime {

StepObserver::StepObserver(const ProgramState& program, const Plan& plan, const RunContext& context,
                           const Observer& observer)
    : program_(program), plan_(plan), context_(context), observer_(observer), shown_(plan.steps.size()) {
  const ProgramModel& model = program.model();
  // The step that completes each value; -1: none does.
  std::vector<int64_t> completed(model.values.size(), -1);
  std::vector<bool> written(model.values.size(), false);
  for (std::size_t s = 0; s < model.steps.size(); ++s) {
    for (const int32_t value : model.steps[s].writes) {
      completed[static_cast<std::size_t>(value)] = static_cast<int64_t>(s);
      completed[static_cast<std::size_t>(model.base_of(value))] = static_cast<int64_t>(s);
      written[static_cast<std::size_t>(value)] = true;
    }
  }
  for (std::size_t v = 0; v < model.values.size(); ++v) {
    const auto value = static_cast<int32_t>(v);
    const int64_t step = written[v] ? completed[v] : completed[static_cast<std::size_t>(model.base_of(value))];
    if (step >= 0 && (!observer.wants || observer.wants(model.values[v].name)))
      shown_[static_cast<std::size_t>(step)].push_back(value);
  }
}

void StepObserver::after(std::size_t step) {
  if (context_.failed()) return;
  for (const int32_t value : shown_[step]) show(step, value);
}

void StepObserver::show(std::size_t step, int32_t value) {
  const BoundTensor& tensor = plan_.values[static_cast<std::size_t>(value)];
  const kernels::TensorView view = context_.view(tensor);
  std::vector<std::byte> copy;
  const void* data = view.data;
  if (!view.is_contiguous()) {
    copy.resize(static_cast<std::size_t>(view.count()) * size_of(view.dtype));
    const Status status = kernels::copy(view, kernels::TensorView::contiguous(view.dtype, view.shape(), copy.data()));
    TEGULA_CHECK(status.ok(), "a tensor has its own shape");
    data = copy.data();
  }
  std::vector<std::string> nodes;
  if (const auto* names = program_.model().steps[step].table->onnx_nodes())
    for (const flatbuffers::String* name : *names) nodes.push_back(name->str());
  observer_.see(tensor.name, ConstTensorRef(tensor.dtype, Dims(view.shape().begin(), view.shape().end()), data), nodes);
}

}  // namespace tegula::runtime
