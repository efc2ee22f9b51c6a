#include "compiler/passes/push_reshapes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

bool all_ones(const Shape& shape, std::size_t begin, std::size_t end) {
  return std::all_of(shape.begin() + static_cast<std::ptrdiff_t>(begin),
                     shape.begin() + static_cast<std::ptrdiff_t>(end), [](const Dim& dim) { return dim.is(1); });
}

/// The shape under which an operand broadcasts to `before` as it does to `after`, the reshape's result; nullopt when it
/// is broadcast along a part of a group only.
std::optional<Shape> shape_before(const Value& operand, const Shape& before, const Shape& after) {
  if (operand.shape == after) return before;
  if (all_ones(operand.shape, 0, operand.shape.size())) return Shape(before.size(), Dim(1));
  const std::optional<std::vector<ReshapeGroup>> groups = reshape_groups(before, after);
  if (!groups) return std::nullopt;
  Shape full(after.size() - operand.shape.size(), Dim(1));
  full.insert(full.end(), operand.shape.begin(), operand.shape.end());
  Shape result;
  for (const ReshapeGroup& group : *groups) {
    const bool is_full = std::equal(after.begin() + static_cast<std::ptrdiff_t>(group.target_begin),
                                    after.begin() + static_cast<std::ptrdiff_t>(group.target_end),
                                    full.begin() + static_cast<std::ptrdiff_t>(group.target_begin));
    if (!is_full && !all_ones(full, group.target_begin, group.target_end)) return std::nullopt;
    for (std::size_t d = group.source_begin; d < group.source_end; ++d) result.push_back(is_full ? before[d] : Dim(1));
  }
  return result;
}

/// The operand of the node that is a reshape worth moving.
Value* reshaped_operand(const Node& node) {
  for (Value* value : node.inputs) {
    if (!is_op(value->producer, "reshape") || only_user(value) != &node || value->shape != node.output()->shape)
      continue;
    const Value* source = value->producer->input(0);
    if (source->producer == nullptr || !is_read_once(source)) continue;
    if (source->producer->op->takes_post_ops || is_op(source->producer, "eltwise")) return value;
  }
  return nullptr;
}

Result<bool> push(Graph& graph, Node& node) {
  if (is_op(&node, "reshape") && is_op(node.input(0)->producer, "reshape")) {
    Builder build(graph, node.origins, &node);
    TEGULA_ASSIGN_OR_RETURN(Value * merged, make_reshape(build, node.input(0), node.output()->shape));
    replace_value(graph, node.output(), merged);
    return true;
  }
  if (!is_op(&node, "eltwise")) return false;
  const Value* reshaped = reshaped_operand(node);
  if (reshaped == nullptr) return false;
  Value* source = reshaped->producer->input(0);
  std::vector<Shape> shapes;
  for (const Value* value : node.inputs) {
    const std::optional<Shape> shape = shape_before(*value, source->shape, reshaped->shape);
    if (!shape) return false;
    shapes.push_back(*shape);
  }
  Builder build(graph, node.origins, &node);
  std::vector<Value*> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    TEGULA_ASSIGN_OR_RETURN(Value * operand, make_reshape(build, node.inputs[i], shapes[i]));
    inputs.push_back(operand);
  }
  TEGULA_ASSIGN_OR_RETURN(Value * value, build.add("eltwise", std::move(inputs), node.attributes));
  TEGULA_ASSIGN_OR_RETURN(Value * result, build.reshape(value, node.output()->shape));
  replace_value(graph, node.output(), result);
  return true;
}

}  // namespace

Result<bool> push_reshapes(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return push(graph, node); });
}

}  // namespace tegula::compiler
