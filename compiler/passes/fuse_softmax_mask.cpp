#include "compiler/passes/fuse_softmax_mask.h"

#include <cmath>
#include <utility>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/match.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// The factor by which the node multiplies its operand 0.
std::optional<double> factor_of(const Node* node) {
  if (is_function(node, Function::k_neg)) return -1;
  if (is_function(node, Function::k_mul)) return splat(node->input(1));
  if (!is_function(node, Function::k_div)) return std::nullopt;
  const std::optional<double> divisor = splat(node->input(1));
  return divisor && *divisor != 0 ? std::optional(1 / *divisor) : std::nullopt;
}

/// Whether the operand looks like what attention scores come from, rather than like a mask of the same shape.
bool is_score(const Value* value) {
  return is_op(value->producer, "matmul") || (factor_of(value->producer) && is_score(value->producer->input(0)));
}

/// The operand of a sum that is x: it has the result's shape, and only this node reads it.
std::optional<std::size_t> scores_side(const Node& sum) {
  std::optional<std::size_t> side;
  for (const std::size_t i : {0u, 1u}) {
    const Value* x = sum.input(i);
    if (x->shape != sum.output()->shape || x->is_constant() || sum.input(1 - i)->dtype != DType::kF32) continue;
    if (!side || is_score(x)) side = i;
  }
  return side;
}

/// Such a number replaces a score as it would by being added to it: any score of a trained model is below its rounding.
constexpr double kHidden = -1e30;

/// Turns a choice between scores and a number into a sum of the scores and a mask, which the rest of the pass takes.
Result<bool> add_instead_of_where(Graph& graph, Node& node) {
  Value* filled = node.input(0);
  Node* where = filled->producer;
  if (node.input(1) != nullptr || !is_function(where, Function::k_where) || !is_read_once(filled)) return false;
  for (const std::size_t side : {1u, 2u}) {
    const std::optional<double> number = splat(where->input(side));
    Value* scores = where->input(3 - side);
    if (!number || !(*number <= kHidden) || scores->shape != filled->shape) continue;
    Builder build(graph, where->origins, where);
    std::vector<Value*> inputs = where->inputs;
    inputs[side] = build.constant(Literal::scalar(static_cast<float>(*number)), "hidden");
    inputs[3 - side] = build.constant(Literal::scalar(0.0f), "shown");
    TEGULA_ASSIGN_OR_RETURN(Value * mask, build.function(Function::k_where, std::move(inputs)));
    TEGULA_ASSIGN_OR_RETURN(Value * sum, build.function(Function::k_add, {scores, mask}));
    if (sum->shape != filled->shape) {  // sizes that only binding knows to be equal
      erase_unread(graph, sum->producer);
      return false;
    }
    replace_value(graph, filled, sum);
    return true;
  }
  return false;
}

Result<bool> fuse(Graph& graph, Node& node) {
  if (!is_op(&node, "softmax")) return false;
  TEGULA_ASSIGN_OR_RETURN(bool changed, add_instead_of_where(graph, node));
  Node* sum = node.input(0)->producer;
  if (node.input(1) == nullptr && is_function(sum, Function::k_add) && is_read_once(node.input(0)) &&
      node.attributes.number("scale", 1) == 1) {
    if (const std::optional<std::size_t> side = scores_side(*sum)) {
      Value* mask = sum->input(1 - *side);
      graph.set_input(&node, 0, sum->input(*side));
      graph.set_input(&node, 1, mask);
      add_origins(node.origins, sum->origins);
      erase_unread(graph, sum);
      changed = true;
    }
  }
  Node* product = node.input(0)->producer;
  const std::optional<double> factor = factor_of(product);
  if (!factor || !std::isfinite(*factor) || !is_read_once(node.input(0))) return changed;
  if (product->input(0)->shape != node.input(0)->shape) return changed;
  node.attributes.set("scale", node.attributes.number("scale", 1) * *factor);
  graph.set_input(&node, 0, product->input(0));
  add_origins(node.origins, product->origins);
  erase_unread(graph, product);
  return true;
}

}  // namespace

Result<bool> fuse_softmax_mask(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fuse(graph, node); });
}

}  // namespace tegula::compiler
