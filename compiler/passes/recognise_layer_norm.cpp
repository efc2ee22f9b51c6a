#include "compiler/passes/recognise_layer_norm.h"

#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/match.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// The first of the last dimensions that a reduction with keepdims runs over; -1 for another reduction.
int64_t last_axes_from(const Node& reduce) {
  if (!reduce.attributes.flag("keepdims")) return -1;
  const int rank = reduce.input(0)->rank();
  std::vector<bool> reduced(static_cast<std::size_t>(rank), false);
  for (const int64_t axis : reduce.attributes.ints("axes"))
    reduced[static_cast<std::size_t>(positive_axis(axis, rank))] = true;
  int first = rank;
  while (first > 0 && reduced[static_cast<std::size_t>(first - 1)]) --first;
  for (int d = 0; d < first; ++d)
    if (reduced[static_cast<std::size_t>(d)]) return -1;
  return first == rank ? -1 : first;
}

Pattern mean(Pattern value) {
  return operation("reduce", {std::move(value)}, [](const Node& node) {
    return node.attributes.text("kind") == "mean" && last_axes_from(node) >= 0;
  });
}

Pattern x() {
  return any("x");
}

/// value / sqrt(variance + epsilon), however the division is written.
Pattern normalised(const Pattern& value, const Pattern& variance) {
  const Pattern shifted = call(Function::k_add, {variance, number("epsilon")});
  const Pattern root = call(Function::k_sqrt, {shifted});
  const Pattern inverse = either({
      call(Function::k_reciprocal, {root}),
      call(Function::k_div, {number(1), root}),
      call(Function::k_pow, {shifted, number(-0.5)}),
  });
  return either({call(Function::k_div, {value, root}), call(Function::k_mul, {value, inverse})});
}

Pattern deviation() {
  return call(Function::k_sub, {x(), mean(x())});
}

Pattern variance() {
  return mean(either({
      call(Function::k_mul, {deviation(), deviation()}),
      call(Function::k_squared_difference, {x(), mean(x())}),
  }));
}

/// x * m + (bias - mean * m), m = scale / sqrt(variance + epsilon).
Pattern factored() {
  const Pattern shifted = call(Function::k_add, {variance(), number("epsilon")});
  const Pattern root = call(Function::k_sqrt, {shifted});
  const Pattern factor = either({
      call(Function::k_mul, {call(Function::k_reciprocal, {root}), constant("scale")}),
      call(Function::k_mul, {call(Function::k_pow, {shifted, number(-0.5)}), constant("scale")}),
      call(Function::k_div, {constant("scale"), root}),
  });
  return call(Function::k_add,
              {
                  call(Function::k_mul, {x(), factor}),
                  call(Function::k_sub, {constant("bias"), call(Function::k_mul, {mean(x()), factor})}),
              });
}

struct Patterns {
  Pattern factored_form = factored();
  Pattern layer = normalised(deviation(), variance());
  Pattern rms = normalised(x(), mean(call(Function::k_mul, {x(), x()})));
};

/// Where the means of a match start. All of them have run over the same dimensions: their source has one shape and
/// their results another, which later steps combine; this makes sure of it.
std::optional<int64_t> common_axis(const Match& match) {
  std::optional<int64_t> common;
  for (const Node* node : match.nodes()) {
    if (!is_op(node, "reduce")) continue;
    const int64_t axis = last_axes_from(*node);
    if (common && *common != axis) return std::nullopt;
    common = axis;
  }
  return common;
}

/// A constant that varies along the dimensions from `axis` on only, with exactly those dimensions; nullptr for another.
Result<Value*> parameter(Builder& build, Value* value, const Shape& shape, int64_t axis) {
  if (!value->is_constant() || value->dtype != DType::kF32) return nullptr;
  const Shape normalised_dims(shape.begin() + axis, shape.end());
  if (value->rank() > static_cast<int>(shape.size())) return nullptr;
  const int extra = value->rank() - static_cast<int>(normalised_dims.size());
  if (extra < 0) return nullptr;
  for (int d = 0; d < extra; ++d)
    if (!value->shape[static_cast<std::size_t>(d)].is(1)) return nullptr;
  if (!std::equal(normalised_dims.begin(), normalised_dims.end(), value->shape.begin() + extra)) return nullptr;
  return make_reshape(build, value, normalised_dims);
}

Result<bool> recognise(Graph& graph, Node& node, const Patterns& patterns) {
  if (single_function(node) == nullptr || node.output()->dtype != DType::kF32) return false;
  Value* root = node.output();
  bool rms = false;
  std::optional<Match> match = patterns.factored_form.match(root);
  if (!match) match = patterns.layer.match(root);
  if (!match) {
    match = patterns.rms.match(root);
    rms = true;
  }
  if (!match || !match->is_closed(root)) return false;
  const std::optional<int64_t> axis = common_axis(*match);
  Value* source = match->value("x");
  if (!axis || source->shape != root->shape) return false;

  Builder build(graph, origins_of(match->nodes()), &node);
  std::vector<Value*> inputs = {source};
  if (match->has("scale")) {
    for (const char* name : {"scale", "bias"}) {
      TEGULA_ASSIGN_OR_RETURN(Value * operand, parameter(build, match->value(name), root->shape, *axis));
      if (operand == nullptr) return false;
      inputs.push_back(operand);
    }
  }
  Attributes attributes = {{"axis", *axis}, {"epsilon", match->number("epsilon")}};
  if (rms) attributes.set("rms", int64_t{1});
  TEGULA_ASSIGN_OR_RETURN(Value * normal, build.add("layer_norm", std::move(inputs), std::move(attributes)));
  replace_value(graph, root, normal);
  return true;
}

/// Moves a product with a scale, or a sum with a bias, into the layer_norm before it.
Result<bool> absorb_parameter(Graph& graph, Node& node) {
  const bool is_scale = is_function(&node, Function::k_mul);
  if (!is_scale && !is_function(&node, Function::k_add)) return false;
  for (const std::size_t side : {0u, 1u}) {
    Value* normal = node.input(side);
    Node* norm = normal->producer;
    if (!is_op(norm, "layer_norm") || norm->output() != normal || !is_read_once(normal)) continue;
    if (norm->input(2) != nullptr || (is_scale && norm->input(1) != nullptr)) continue;
    if (!is_scale && norm->attributes.flag("rms")) continue;
    Builder build(graph, node.origins, norm);
    const int64_t axis = positive_axis(norm->attributes.integer("axis", -1), normal->rank());
    TEGULA_ASSIGN_OR_RETURN(Value * operand, parameter(build, node.input(1 - side), normal->shape, axis));
    if (operand == nullptr || node.output()->shape != normal->shape) continue;
    graph.set_input(norm, is_scale ? 1 : 2, operand);
    absorb_node(graph, node, *norm);
    return true;
  }
  return false;
}

}  // namespace

Result<bool> recognise_layer_norm(Graph& graph) {
  const Patterns patterns;
  return rewrite_nodes(graph, [&](Node& node) -> Result<bool> {
    TEGULA_ASSIGN_OR_RETURN(const bool recognised, recognise(graph, node, patterns));
    if (recognised) return true;
    return absorb_parameter(graph, node);
  });
}

}  // namespace tegula::compiler
