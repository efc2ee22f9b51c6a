#include "compiler/passes/fold_transposes_into_matmul.h"

#include <numeric>
#include <utility>

#include "compiler/ops/op_def.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

Permutation swap_last_two(int rank) {
  Permutation perm(static_cast<std::size_t>(rank));
  std::iota(perm.begin(), perm.end(), int64_t{0});
  std::swap(perm[perm.size() - 2], perm[perm.size() - 1]);
  return perm;
}

bool fold_operand(Graph& graph, Node& node, std::size_t index, const char* flag) {
  Value* operand = node.input(index);
  if (operand->rank() < 2) return false;
  if (operand->is_constant() && node.attributes.flag(flag)) {
    Literal literal = permuted(*operand->literal, swap_last_two(operand->rank()));
    graph.set_input(&node, index, graph.add_constant(operand->name, std::move(literal)));
    node.attributes.erase(flag);
    return true;
  }
  const std::optional<TransposedValue> x = as_transpose(operand);
  if (!x || x->perm != swap_last_two(operand->rank())) return false;
  graph.set_input(&node, index, x->source);
  if (node.attributes.flag(flag))
    node.attributes.erase(flag);
  else
    node.attributes.set(flag, int64_t{1});
  add_origins(node.origins, operand->producer->origins);
  erase_unread(graph, operand->producer);
  return true;
}

Result<bool> fold(Graph& graph, Node& node) {
  if (!is_op(&node, "matmul")) return false;
  const bool a = fold_operand(graph, node, 0, "transpose_a");
  const bool b = fold_operand(graph, node, 1, "transpose_b");
  return a || b;
}

}  // namespace

Result<bool> fold_transposes_into_matmul(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fold(graph, node); });
}

}  // namespace tegula::compiler
