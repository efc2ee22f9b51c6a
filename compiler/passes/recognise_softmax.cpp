#include "compiler/passes/recognise_softmax.h"

#include "compiler/ops/op_def.h"
#include "compiler/passes/match.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// The one axis of a reduction with keepdims; -1 for another.
int64_t only_axis(const Node& reduce) {
  const std::vector<int64_t> axes = reduce.attributes.ints("axes");
  if (axes.size() != 1 || !reduce.attributes.flag("keepdims")) return -1;
  return positive_axis(axes[0], reduce.input(0)->rank());
}

Pattern reduction(std::string kind, Pattern value) {
  return operation("reduce", {std::move(value)}, [kind = std::move(kind)](const Node& node) {
    return node.attributes.text("kind") == kind && only_axis(node) >= 0;
  });
}

Pattern spelled_out() {
  const Pattern x = any("x");
  const Pattern powers = either({
      call(Function::k_exp, {call(Function::k_sub, {x, reduction("max", x)})}),
      call(Function::k_exp, {x}),
  });
  const Pattern total = reduction("sum", powers);
  return either({
      call(Function::k_div, {powers, total}),
      call(Function::k_mul, {powers, call(Function::k_reciprocal, {total})}),
  });
}

Result<bool> recognise(Graph& graph, Node& node, const Pattern& pattern) {
  if (single_function(node) == nullptr || node.output()->dtype != DType::kF32) return false;
  Value* root = node.output();
  const std::optional<Match> match = pattern.match(root);
  if (!match || !match->is_closed(root) || match->value("x")->shape != root->shape) return false;
  int64_t axis = -1;
  for (const Node* inner : match->nodes()) {
    if (!is_op(inner, "reduce")) continue;
    if (axis >= 0 && only_axis(*inner) != axis) return false;
    axis = only_axis(*inner);
  }
  Builder build(graph, origins_of(match->nodes()), &node);
  TEGULA_ASSIGN_OR_RETURN(Value * value, build.add("softmax", {match->value("x")}, {{"axis", axis}}));
  replace_value(graph, root, value);
  return true;
}

}  // namespace

Result<bool> recognise_softmax(Graph& graph) {
  const Pattern pattern = spelled_out();
  return rewrite_nodes(graph, [&](Node& node) { return recognise(graph, node, pattern); });
}

}  // namespace tegula::compiler
