#include "compiler/importer/fold_value.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "compiler/importer/symbol_names.h"
#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

constexpr int64_t kMaxFoldedElements = 1 << 16;
/// Elements of a shape input: more than the dimensions of a tensor, with room for pads of all of them.
constexpr int64_t kMaxInputElements = 16;
constexpr int kMaxDepth = 256;

std::optional<Literal> literal_of(DType dtype, const Dims& dims, const std::vector<Dim>& contents) {
  if (is_float(dtype)) return std::nullopt;
  std::vector<int64_t> elements;
  for (const Dim& element : contents) {
    if (!element.is_constant()) return std::nullopt;
    elements.push_back(element.value());
  }
  return Literal::make(dtype, dims, [&](const kernels::TensorView& view) {
    const std::size_t size = size_of(dtype);  // little endian: the low bytes are the narrower integer
    for (std::size_t i = 0; i < elements.size(); ++i) __builtin_memcpy(view.data + i * size, &elements[i], size);
  });
}

std::optional<Dims> small_dims(const Value& value) {
  std::optional<Dims> dims = constant_dims(value.shape);
  const std::optional<int64_t> count = dims ? checked_element_count(*dims) : std::nullopt;
  return count && *count <= kMaxFoldedElements ? dims : std::nullopt;
}

class Folder {
 public:
  std::optional<Literal> fold(const Value& value, int depth = 0) {
    if (value.literal) return value.literal;
    const std::optional<Dims> dims = small_dims(value);
    if (!dims || depth > kMaxDepth) return std::nullopt;
    if (value.contents)
      if (auto literal = literal_of(value.dtype, *dims, *value.contents)) return literal;
    if (value.producer == nullptr) return std::nullopt;
    if (const auto known = folded_.find(&value); known != folded_.end()) return known->second;
    return folded_[&value] = compute(value, depth);
  }

 private:
  std::optional<Literal> compute(const Value& value, int depth) {
    const Node& node = *value.producer;
    for (const Value* output : node.outputs)
      if (output != nullptr && !small_dims(*output)) return std::nullopt;
    std::vector<Literal> literals(node.inputs.size());
    std::vector<const Literal*> operands(node.inputs.size());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == nullptr) continue;
      auto literal = fold(*node.inputs[i], depth + 1);
      if (!literal) return std::nullopt;
      literals[i] = *std::move(literal);
      operands[i] = &literals[i];
    }
    auto results = evaluate(node, operands);
    if (!results.ok()) return std::nullopt;
    const auto index = std::find(node.outputs.begin(), node.outputs.end(), &value) - node.outputs.begin();
    return (*results)[static_cast<std::size_t>(index)];
  }

  std::map<const Value*, std::optional<Literal>> folded_;
};

bool make_shape_input(Graph& graph, Value& input) {
  const std::optional<Dims> dims = constant_dims(input.shape);
  if (!dims || dims->size() > 1 || !is_integer(input.dtype) || element_count(*dims) > kMaxInputElements) return false;
  std::vector<Dim> elements;
  for (const std::string& symbol : unused_element_symbols(graph, input.name, element_count(*dims))) {
    graph.symbols.push_back({.name = symbol, .min = INT64_MIN});
    elements.push_back(Dim::symbol(symbol));
  }
  input.contents = std::move(elements);
  return true;
}

bool find_contents(Graph& graph, Value& value, int depth) {
  if (value.contents) return true;
  if (value.is_input) return make_shape_input(graph, value);
  const std::optional<Dims> dims = constant_dims(value.shape);
  if (value.producer == nullptr || depth > kMaxDepth || !dims || dims->size() > 1 || is_float(value.dtype))
    return false;
  bool all = true;
  for (Value* operand : value.producer->inputs)
    if (operand != nullptr) all &= find_contents(graph, *operand, depth + 1);
  return all && graph.infer_again(value.producer).ok() && value.contents.has_value();
}

bool may_feed_shapes(const Value& input) {
  const std::optional<Dims> dims = constant_dims(input.shape);
  return input.is_input && dims && dims->size() <= 1 && element_count(*dims) <= kMaxInputElements;
}

}  // namespace

std::optional<Literal> fold_value(const Value& value) {
  return Folder().fold(value);
}

bool find_contents(Graph& graph, Value& value) {
  return find_contents(graph, value, 0);
}

bool find_reals(Graph& graph, Value& value) {
  if (value.reals) return true;
  if (!may_feed_shapes(value) || (value.dtype != DType::kF32 && value.dtype != DType::kF64)) return false;
  value.reals.emplace();
  for (const std::string& symbol :
       unused_element_symbols(graph, value.name, element_count(*constant_dims(value.shape)))) {
    graph.symbols.push_back({.name = symbol, .min = INT64_MIN});
    value.reals->push_back(Dim::symbol(symbol));
  }
  return true;
}

}  // namespace tegula::compiler
