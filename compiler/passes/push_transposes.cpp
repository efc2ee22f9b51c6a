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
