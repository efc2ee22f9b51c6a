#include "compiler/ops/infer_helpers.h"

#include <algorithm>

namespace tegula::compiler {
namespace {

/// As many elements as a value with contents may have.
constexpr int64_t kMaxContents = 1024;

std::optional<Dims> small_dims(const Shape& shape) {
  std::optional<Dims> dims = constant_dims(shape);
  const std::optional<int64_t> count = dims ? checked_element_count(*dims) : std::nullopt;
  return count && *count <= kMaxContents ? dims : std::nullopt;
}

Literal numbered(const Dims& dims, int64_t first) {
  return Literal::make(DType::kS64, dims, [&](const kernels::TensorView& view) {
    for (int64_t i = 0; i < view.count(); ++i) view.as<int64_t>()[i] = first + i;
  });
}

}  // namespace

Status expect_inputs(const InferContext& context, std::size_t required, std::size_t most) {
  for (std::size_t i = 0; i < required; ++i)
    if (!context.has_input(i)) return context.error(concat("input ", i, " is missing"));
  if (context.node.inputs.size() > most)
    return context.error(concat("has ", context.node.inputs.size(), " inputs; at most ", most, " expected"));
  return {};
}

Result<int> axis_attribute(const InferContext& context, std::string_view name, int rank) {
  const int64_t axis = context.node.attributes.integer(name, 0);
  if (axis < 0 || axis >= rank)
    return context.error(concat(name, " ", axis, " is out of range for ", rank, " dimensions"));
  return static_cast<int>(axis);
}

Result<Dim> same_size(InferContext& context, const Dim& a, const Dim& b, std::string_view what) {
  if (a == b) return a;
  const Error error = context.error(concat(what, ": sizes ", a.to_string(), " and ", b.to_string(), " differ"));
  const Dim difference = a - b;
  if (difference.is_constant() || difference.is_at_least(1) || (b - a).is_at_least(1)) return error;
  context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, a, b, error.message});
  if (a.is_constant() != b.is_constant()) return a.is_constant() ? a : b;
  return b.complexity() < a.complexity() ? b : a;
}

Status expect_at_least(InferContext& context, const Dim& a, const Dim& b, std::string_view what) {
  if ((a - b).is_at_least(0)) return {};
  Error error = context.error(concat(what, ": ", a.to_string(), " must be at least ", b.to_string()));
  if ((b - a).is_at_least(1)) return error;
  context.graph.constraints.push_back({GraphConstraint::Kind::kAtLeast, a, b, std::move(error.message)});
  return {};
}

std::optional<Literal> small_literal(const Value& value) {
  if (value.literal) return value.literal;
  if (!value.contents || is_float(value.dtype)) return std::nullopt;
  const auto dims = small_dims(value.shape);
  const auto elements = constant_dims(*value.contents);
  if (!dims || !elements) return std::nullopt;
  return Literal::make(value.dtype, *dims, [&](const kernels::TensorView& view) {
    const std::size_t size = size_of(value.dtype);  // little endian: the low bytes are the narrower integer
    for (std::size_t i = 0; i < elements->size(); ++i) __builtin_memcpy(view.data + i * size, &(*elements)[i], size);
  });
}

std::optional<std::vector<Dim>> moved_contents(const InferContext& context, const std::vector<std::size_t>& data,
                                               const Shape& shape) {
  const Node& node = context.node;
  const auto dims = small_dims(shape);
  if (!dims || !node.op->evaluate) return std::nullopt;

  std::vector<Literal> literals(node.inputs.size());
  std::vector<kernels::TensorView> views(node.inputs.size());
  std::vector<Dim> elements;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i]) continue;
    const Value& value = *node.inputs[i];
    if (std::find(data.begin(), data.end(), i) == data.end()) {
      auto literal = small_literal(value);
      if (!literal) return std::nullopt;
      literals[i] = *std::move(literal);
    } else {
      const auto input_dims = small_dims(value.shape);
      if (!input_dims || !value.contents) return std::nullopt;
      literals[i] = numbered(*input_dims, static_cast<int64_t>(elements.size()));
      elements.insert(elements.end(), value.contents->begin(), value.contents->end());
    }
    views[i] = literals[i].view();
  }

  Status status;
  const Literal moved = Literal::make(DType::kS64, *dims, [&](const kernels::TensorView& view) {
    status = node.op->evaluate(node, views, std::span(&view, 1));
  });
  if (!status.ok()) return std::nullopt;
  std::vector<Dim> contents;
  for (const int64_t from : moved.to_ints()) contents.push_back(elements[static_cast<std::size_t>(from)]);
  return contents;
}

}  // namespace tegula::compiler
