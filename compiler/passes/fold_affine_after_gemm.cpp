#include "compiler/passes/fold_affine_after_gemm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/match.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

bool are_finite(const std::vector<float>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); });
}

bool has_constant_bias(const Node& gemm) {
  const Value* bias = gemm.input(2);
  return bias == nullptr || (bias->is_constant() && bias->dtype == DType::kF32);
}

bool shift(Graph& graph, Node& gemm, const std::vector<float>& shifts, double sign) {
  if (!has_constant_bias(gemm)) return false;
  std::vector<double> bias = bias_of(gemm, static_cast<int64_t>(shifts.size()));
  for (std::size_t c = 0; c < bias.size(); ++c) bias[c] += sign * static_cast<double>(shifts[c]);
  set_bias(graph, gemm, bias);
  return true;
}

bool scale(Graph& graph, Node& gemm, const std::vector<float>& scales, bool divide) {
  if (!has_constant_bias(gemm)) return false;
  std::vector<double> factors;
  for (const float s : scales) factors.push_back(divide ? 1 / static_cast<double>(s) : static_cast<double>(s));
  if (!std::all_of(factors.begin(), factors.end(), [](double f) { return std::isfinite(f); })) return false;
  const bool same = std::all_of(factors.begin(), factors.end(), [&](double f) { return f == factors[0]; });
  if (same && !factors.empty() && is_op(&gemm, "matmul")) {
    gemm.attributes.set("alpha", sum_factor(gemm) * factors[0]);
  } else {
    if (!has_constant_weights(gemm)) return false;
    graph.set_input(&gemm, 1, graph.add_constant(gemm.input(1)->name, with_scaled_outputs(gemm, factors)));
  }
  if (gemm.input(2) == nullptr) return true;
  std::vector<double> bias = bias_of(gemm, static_cast<int64_t>(factors.size()));
  for (std::size_t c = 0; c < bias.size(); ++c) bias[c] *= factors[c];
  set_bias(graph, gemm, bias);
  return true;
}

Result<bool> fold(Graph& graph, Node& node) {
  const FunctionInstruction* instruction = single_function(node);
  if (instruction == nullptr) return false;
  const Function function = instruction->function;
  const bool is_sum = function == Function::k_add || function == Function::k_sub;
  if (!is_sum && function != Function::k_mul && function != Function::k_div) return false;

  // The constant stands second, except where an earlier pass has not ordered the operands.
  const bool swapped = node.input(0)->is_constant() && (function == Function::k_add || function == Function::k_mul);
  Value* x = node.input(swapped ? 1 : 0);
  Node* gemm = x->producer;
  if (!is_gemm_like(gemm) || !gemm->post_ops.empty() || !is_read_once(x) || x->dtype != DType::kF32) return false;
  if (node.output()->shape != x->shape) return false;
  const std::optional<std::vector<float>> numbers =
      per_channel(node.input(swapped ? 0 : 1), x->shape, output_channel_axis(*gemm));
  if (!numbers || !are_finite(*numbers)) return false;

  const bool folded = is_sum ? shift(graph, *gemm, *numbers, function == Function::k_add ? 1 : -1)
                             : scale(graph, *gemm, *numbers, function == Function::k_div);
  if (folded) absorb_node(graph, node, *gemm);
  return folded;
}

}  // namespace

Result<bool> fold_affine_after_gemm(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fold(graph, node); });
}

}  // namespace tegula::compiler
