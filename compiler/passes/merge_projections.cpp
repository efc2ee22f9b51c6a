#include "compiler/passes/merge_projections.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

bool is_projection(const Node* node, const Value* x) {
  if (!is_op(node, "matmul") || node->input(0) != x || !node->post_ops.empty() || !has_constant_weights(*node))
    return false;
  if (node->input(1)->rank() != 2 || node->attributes.flag("transpose_a") || node->output()->is_output) return false;
  const std::vector<Node*>& users = node->output()->users;
  return !users.empty() && std::all_of(users.begin(), users.end(), [](const Node* user) {
    return is_op(user, "attention") && user->op->strided_inputs;
  });
}

int64_t columns_of(const Node& node) {
  const Dims& dims = node.input(1)->literal->dims();
  return node.attributes.flag("transpose_b") ? dims[0] : dims[1];
}

/// The weights of all, side by side: [k, n0 + n1 + ...].
Literal concatenated_weights(const std::vector<Node*>& nodes, int64_t rows, int64_t columns) {
  return Literal::make(DType::kF32, {rows, columns}, [&](const kernels::TensorView& view) {
    int64_t first = 0;
    for (const Node* node : nodes) {
      const bool transposed = node->attributes.flag("transpose_b");
      const Literal weights = transposed ? permuted(*node->input(1)->literal, {1, 0}) : *node->input(1)->literal;
      const int64_t width = columns_of(*node);
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < width; ++column)
          view.as<float>()[row * columns + first + column] = weights.at<float>(row * width + column);
      first += width;
    }
  });
}

Result<bool> merge(Graph& graph, Node& node) {
  Value* x = node.input(0);
  if (x == nullptr || !is_projection(&node, x)) return false;
  std::vector<Node*> nodes;
  for (Node* user : x->users)
    if (is_projection(user, x) && sum_factor(*user) == sum_factor(node)) nodes.push_back(user);
  if (nodes.size() < 2) return false;
  std::sort(nodes.begin(), nodes.end(), [&](const Node* a, const Node* b) { return graph.is_before(a, b); });
  if (nodes.back() != &node) return false;

  int64_t columns = 0;
  std::vector<float> bias;
  bool has_bias = false;
  for (const Node* projection : nodes) {
    columns += columns_of(*projection);
    has_bias |= projection->input(2) != nullptr;
    for (const double b : bias_of(*projection, columns_of(*projection))) bias.push_back(static_cast<float>(b));
  }
  const Dims& dims = node.input(1)->literal->dims();
  const int64_t rows = dims[node.attributes.flag("transpose_b") ? 1 : 0];
  Builder build(graph, origins_of(nodes), nodes.front());
  std::vector<Value*> inputs = {
      x, build.constant(concatenated_weights(nodes, rows, columns), concat(name_of(*nodes.front()), "_weights"))};
  if (has_bias)
    inputs.push_back(build.constant(Literal::of<float>({columns}, bias), concat(name_of(*nodes.front()), "_bias")));
  Attributes attributes;
  if (sum_factor(node) != 1) attributes.set("alpha", sum_factor(node));
  TEGULA_ASSIGN_OR_RETURN(Value * merged, build.add("matmul", std::move(inputs), std::move(attributes)));

  const auto rank = static_cast<std::size_t>(merged->rank());
  int64_t first = 0;
  std::vector<std::pair<Value*, Value*>> parts;
  for (const Node* projection : nodes) {
    Shape starts(rank, Dim(0)), sizes = projection->output()->shape;
    starts.back() = first;
    first += columns_of(*projection);
    Builder build_part(graph, projection->origins, nodes.front());
    TEGULA_ASSIGN_OR_RETURN(
        Value * part, build_part.add("slice", {merged},
                                     {{"starts", starts}, {"sizes", sizes}, {"steps", std::vector<int64_t>(rank, 1)}}));
    parts.emplace_back(projection->output(), part);
  }
  for (const auto& [from, to] : parts) replace_value(graph, from, to);
  return true;
}

}  // namespace

Result<bool> merge_projections(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return merge(graph, node); });
}

}  // namespace tegula::compiler
