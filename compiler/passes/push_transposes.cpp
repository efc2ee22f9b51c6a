#include "compiler/passes/push_transposes.h"

#include "compiler/ops/op_def.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"
#include "compiler/passes/transpose_rules.h"

namespace tegula::compiler {
namespace {

/// Chains of transposes become one, and that none when it is the identity.
Result<bool> merge(Graph& graph, Builder& build, Node& node) {
  Value* source = node.input(0);
  const Permutation perm = node.attributes.ints("perm");
  if (!as_transpose(source) && !is_identity(perm) && !source->is_constant()) return false;
  TEGULA_ASSIGN_OR_RETURN(Value * value, make_transpose(build, source, perm));
  replace_value(graph, node.output(), value);
  return true;
}

/// The range of a whole tensor does not depend on where its elements lie.
Result<bool> sink_through_dynamic_quantize(Graph& graph, Builder& build, Node& node) {
  const auto x = as_transpose(node.input(0));
  if (!x || node.outputs[0]->users.empty() || node.attributes.flag("per_row") || node.attributes.flag("per_image"))
    return false;
  TEGULA_ASSIGN_OR_RETURN(Node* const moved, build.node("dynamic_quantize", {x->source}, node.attributes));
  TEGULA_ASSIGN_OR_RETURN(Value* const q, make_transpose(build, moved->outputs[0], x->perm));
  const std::vector<Value*> from = node.outputs;  // the node goes with its last reader
  replace_value(graph, from[1], moved->outputs[1]);
  replace_value(graph, from[2], moved->outputs[2]);
  replace_value(graph, from[0], q);
  return true;
}

Result<bool> rewrite(Graph& graph, Node& node) {
  Builder build(graph, node.origins, &node);
  if (is_op(&node, "transpose")) {
    TEGULA_ASSIGN_OR_RETURN(const bool merged, merge(graph, build, node));
    if (merged) return true;
    TEGULA_ASSIGN_OR_RETURN(Value * hoisted, hoist_above_reshape(build, node));
    if (hoisted == nullptr) return false;
    replace_value(graph, node.output(), hoisted);
    return true;
  }
  if (is_op(&node, "matmul")) {
    TEGULA_ASSIGN_OR_RETURN(const std::optional<MatmulOperands> operands, permute_matmul_rows(build, node));
    if (!operands) return false;
    Node* above = node.input(0)->producer;
    graph.set_input(&node, 0, operands->a);
    graph.set_input(&node, 1, operands->b);
    erase_unread(graph, above);
    return true;
  }
  if (is_op(&node, "eltwise")) {
    TEGULA_ASSIGN_OR_RETURN(Value * hoisted, hoist_above_flatten(build, node));
    if (hoisted != nullptr) {
      replace_value(graph, node.output(), hoisted);
      return true;
    }
  }
  if (is_op(&node, "dynamic_quantize")) return sink_through_dynamic_quantize(graph, build, node);
  if (!node.post_ops.empty()) return false;
  TEGULA_ASSIGN_OR_RETURN(const Sunk sunk, sink_transpose(build, node));
  if (!sunk) return false;
  TEGULA_ASSIGN_OR_RETURN(Value * value, make_transpose(build, sunk->source, sunk->perm));
  replace_value(graph, node.output(), value);
  return true;
}

}  // namespace

Result<bool> push_transposes(Graph& graph) {
  bool changed = false;
  for (;;) {
    TEGULA_ASSIGN_OR_RETURN(const bool again, rewrite_nodes(graph, [&](Node& node) { return rewrite(graph, node); }));
    if (!again) return changed;
    changed = true;
  }
}

}  // namespace tegula::compiler
