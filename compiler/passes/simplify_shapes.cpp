#include "compiler/passes/simplify_shapes.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "compiler/ops/op_def.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"
#include "compiler/passes/slice_rules.h"

namespace tegula::compiler {
namespace {

bool all_are(const Shape& dims, int64_t value) {
  return std::all_of(dims.begin(), dims.end(), [&](const Dim& dim) { return dim.is(value); });
}

bool is_whole(const Node& slice) {
  const std::vector<int64_t> steps = slice.attributes.ints("steps");
  return slice.output()->shape == slice.input(0)->shape &&
         std::all_of(steps.begin(), steps.end(), [](int64_t step) { return step == 1; });
}

bool pads_nothing(const Node& pad) {
  return all_are(pad.attributes.dims("begins"), 0) && all_are(pad.attributes.dims("ends"), 0);
}

/// What the node's output equals; nullptr when nothing simpler.
Result<Value*> simpler(Graph& graph, Node& node) {
  Value* source = node.input(0);
  Builder build(graph, node.origins, &node);
  if (is_op(&node, "reshape")) {
    const bool merges = is_op(source->producer, "reshape");
    if (!merges && source->shape != node.output()->shape) return nullptr;
    return make_reshape(build, source, node.output()->shape);
  }
  if (is_op(&node, "transpose")) {
    const Permutation perm = node.attributes.ints("perm");
    if (is_reshape(perm, source->shape)) return make_reshape(build, source, node.output()->shape);
    return as_transpose(source) ? make_transpose(build, source, perm) : Result<Value*>(nullptr);
  }
  if (is_op(&node, "slice")) return is_whole(node) ? source : slice_above_reshape(build, node);
  if (is_op(&node, "gather")) return slice_instead_of_gather(build, node);
  if (is_op(&node, "expand")) return source->shape == node.output()->shape ? source : nullptr;
  if (is_op(&node, "pad")) return pads_nothing(node) ? source : nullptr;
  if (is_op(&node, "concat")) return node.inputs.size() == 1 ? source : nullptr;
  return nullptr;
}

/// The result of broadcasting all operands but `without`; nullopt when sizes leave a doubt.
std::optional<Shape> broadcast(const std::vector<Value*>& operands, std::size_t without, Value* instead, int rank) {
  Shape result(static_cast<std::size_t>(rank), Dim(1));
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Shape& shape = (i == without ? instead : operands[i])->shape;
    const std::size_t offset = result.size() - shape.size();
    for (std::size_t d = 0; d < shape.size(); ++d) {
      Dim& dim = result[offset + d];
      if (shape[d].is(1) || shape[d] == dim) continue;
      if (!dim.is(1)) return std::nullopt;
      dim = shape[d];
    }
  }
  return result;
}

bool drop_expands(Graph& graph, Node& node) {
  bool changed = false;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    Node* expand = node.inputs[i]->producer;
    if (!is_op(expand, "expand")) continue;
    Value* source = expand->input(0);
    if (broadcast(node.inputs, i, source, node.output()->rank()) != node.output()->shape) continue;
    graph.set_input(&node, i, source);
    add_origins(node.origins, expand->origins);
    erase_unread(graph, expand);
    changed = true;
  }
  return changed;
}

Result<bool> simplify(Graph& graph, Node& node) {
  if (is_op(&node, "eltwise")) return drop_expands(graph, node);
  TEGULA_ASSIGN_OR_RETURN(Value * value, simpler(graph, node));
  if (value == nullptr) return false;
  replace_value(graph, node.output(), value);
  return true;
}

}  // namespace

Result<bool> simplify_shapes(Graph& graph) {
  bool changed = false;
  for (;;) {
    TEGULA_ASSIGN_OR_RETURN(const bool again, rewrite_nodes(graph, [&](Node& node) { return simplify(graph, node); }));
    if (!again) return changed;
    changed = true;
  }
}

}  // namespace tegula::compiler
