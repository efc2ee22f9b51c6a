#include "runtime/plan/step_words.h"

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

StepWords words_of(const schema::Step& step, const std::vector<BoundTensor>& values) {
  StepWords words;
  words.name = step.onnx_nodes() != nullptr && step.onnx_nodes()->size() > 0 ? step.onnx_nodes()->Get(0)->str()
                                                                             : step.name()->str();
  words.kind = kind_of(step);
  words.dtypes =
      join_operands(step, values, [](const BoundTensor& tensor) { return std::string(name_of(tensor.dtype)); });
  words.shapes = join_operands(step, values, [](const BoundTensor& tensor) { return to_string(tensor.shape()); });
  return words;
}

}  // namespace tegula::runtime
