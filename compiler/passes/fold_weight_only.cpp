#include "compiler/passes/fold_weight_only.h"

#include <algorithm>
#include <string>

#include "compiler/passes/gemm_like.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr const char* kRequest = "weight_only";

bool all_are(const std::vector<int64_t>& numbers, int64_t value) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int64_t number) { return number == value; });
}

/// A convolution that multiplies each pixel by one matrix.
bool is_pointwise(const Node& node) {
  const Shape& w = node.inputs[1]->shape;
  const std::vector<int64_t> strides = node.attributes.ints("strides");
  return std::all_of(w.begin() + 2, w.end(), [](const Dim& dim) { return dim.is(1); }) &&
         node.attributes.flag("channels_last") && node.attributes.integer("groups", 1) == 1 && all_are(strides, 1) &&
         is_unpadded(node);
}

/// Why the product keeps real weights; empty for one that can do without.
std::string refusal(const Node& node, const std::optional<DequantizedConstant>& weights) {
  const bool is_conv = is_op(&node, "conv");
  if (is_conv && !is_pointwise(node)) return "its kernel has several positions, a stride, padding or groups";
  if (!is_conv && node.inputs[1]->rank() != 2) return "its right operand is no constant matrix";
  if (node.attributes.flag("transpose_a")) return "its left operand is transposed";
  if (!weights)
    return is_dequantized_constant(node.inputs[1]) ? "its weights have scales along another axis than the channels"
                                                   : "its weights are no quantized constant";
  if (weights->q->dtype() != DType::kS8) return concat("its weights are ", name_of(weights->q->dtype()));
  if (!all_are(weights->zero_points, 0)) return "its weights have zero points";
  return "";
}

Result<bool> fold(Graph& graph, Node& node) {
  const bool is_conv = is_op(&node, "conv"), transposed = is_conv || node.attributes.flag("transpose_b");
  node.attributes.erase(kRequest);
  const auto weights = as_dequantized_constant(node.inputs[1], transposed ? 0 : 1);
  if (const std::string reason = refusal(node, weights); !reason.empty()) {
    node.rule = concat(name_of(node.inputs[0]->dtype), ": ", reason);
    return true;
  }
  Builder build(graph, node.origins, &node);
  const auto alpha = static_cast<float>(node.attributes.number("alpha", 1));
  std::vector<float> scales = weights->scales;
  if (alpha != 1)
    for (float& scale : scales) scale *= alpha;
  const std::string name = node.inputs[1]->name;
  Literal q = *weights->q;
  if (is_conv) q = q.reshaped({q.dims()[0], q.dims()[1]});
  Dims scale_dims;
  if (scales.size() > 1) scale_dims.push_back(static_cast<int64_t>(scales.size()));
  std::vector<Value*> operands = {node.inputs[0], build.constant(std::move(q), name),
                                  build.constant(Literal::of<float>(scale_dims, scales), concat(name, "_scales"))};
  if (node.input(2) != nullptr) operands.push_back(node.inputs[2]);
  Attributes attributes;
  if (transposed) attributes.set("transpose_b", int64_t{1});
  if (node.attributes.has("to")) attributes.set("to", node.attributes.dtype("to", DType::kF32));
  TEGULA_ASSIGN_OR_RETURN(Node* const product,
                          build.node("weight_only_matmul", std::move(operands), std::move(attributes)));
  for (const PostOp& post_op : node.post_ops) graph.add_post_op(product, post_op);
  product->rule = node.rule.empty() ? "weights of 8 bits were asked for" : node.rule;
  replace_value(graph, node.output(), product->output());
  return true;
}

}  // namespace

Result<bool> fold_weight_only(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) -> Result<bool> {
    if (!node.attributes.flag(kRequest) || !(is_op(&node, "conv") || is_op(&node, "matmul"))) return false;
    return fold(graph, node);
  });
}

}  // namespace tegula::compiler
