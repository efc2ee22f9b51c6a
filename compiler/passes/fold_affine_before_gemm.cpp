#include "compiler/passes/fold_affine_before_gemm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// Whether `user` reads `value` as its operand 0 and nowhere else, and can take a scale or shift of it into its
/// weights.
bool can_take(const Node& user, const Value* value, bool is_shift) {
  if (!is_gemm_like(&user) || user.input(0) != value || !has_constant_weights(user)) return false;
  if (is_shift && !is_unpadded(user)) return false;
  if (is_shift && user.input(1)->rank() != 2 && is_op(&user, "matmul")) return false;  // a bias per batch
  const bool elsewhere = std::any_of(user.post_ops.begin(), user.post_ops.end(),
                                     [&](const PostOp& post_op) { return post_op.operand == value; });
  return !elsewhere;
}

void scale(Graph& graph, Node& gemm, const std::vector<float>& scales) {
  const std::vector<double> factors(scales.begin(), scales.end());
  graph.set_input(&gemm, 1, graph.add_constant(gemm.input(1)->name, with_scaled_inputs(gemm, factors)));
}

void shift(Graph& graph, Node& gemm, const std::vector<float>& shifts) {
  const std::vector<double> added = shift_of_outputs(gemm, shifts);
  std::vector<double> bias = bias_of(gemm, static_cast<int64_t>(added.size()));
  for (std::size_t c = 0; c < bias.size(); ++c) bias[c] += added[c];
  set_bias(graph, gemm, bias);
}

Result<bool> fold(Graph& graph, Node& node) {
  const bool is_shift = is_function(&node, Function::k_add);
  if (!is_shift && !is_function(&node, Function::k_mul)) return false;
  Value* x = node.input(0);
  Value* y = node.output();
  if (y->dtype != DType::kF32 || y->shape != x->shape || y->is_output || y->users.empty()) return false;
  std::vector<Node*> users = y->users;
  if (!std::all_of(users.begin(), users.end(), [&](const Node* user) { return can_take(*user, y, is_shift); }))
    return false;
  const int axis = input_channel_axis(*users[0]);
  if (!std::all_of(users.begin(), users.end(), [&](const Node* user) { return input_channel_axis(*user) == axis; }))
    return false;
  const std::optional<std::vector<float>> numbers = per_channel(node.input(1), y->shape, axis);
  if (!numbers || !std::all_of(numbers->begin(), numbers->end(), [](float f) { return std::isfinite(f); }))
    return false;
  for (Node* user : users) {
    if (is_shift)
      shift(graph, *user, *numbers);
    else
      scale(graph, *user, *numbers);
    add_origins(user->origins, node.origins);
  }
  graph.replace_all_uses(y, x);
  erase_unread(graph, &node);
  return true;
}

}  // namespace

Result<bool> fold_affine_before_gemm(Graph& graph) {
  bool changed = false;
  for (;;) {  // a sum first, then the product before it
    TEGULA_ASSIGN_OR_RETURN(const bool again, rewrite_nodes(graph, [&](Node& node) { return fold(graph, node); }));
    if (!again) return changed;
    changed = true;
  }
}

}  // namespace tegula::compiler
