#include "compiler/passes/fold_activation_products.h"

#include <algorithm>
#include <limits>
#include <string>

#include "compiler/ops/quantized_product.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr const char* kRule = "the model's quantization";
constexpr int32_t kShift = 128;

/// An operand as the product reads it: quantized as one tensor, u8 or s8.
std::optional<QuantizedLink> operand_of(const Value* value) {
  auto link = as_dequantize(value);
  if (!link || (link->source->dtype != DType::kU8 && link->source->dtype != DType::kS8)) return std::nullopt;
  return link;
}

bool is_product_of_activations(const Node* node) {
  if (!is_op(node, "matmul")) return false;
  const auto a = operand_of(node->input(0)), b = operand_of(node->input(1));
  return a && b && !(b->source->is_constant() && b->source->rank() == 2);
}

/// s8 comes in as u8.
Status make_unsigned(Builder& build, Value* real, QuantizedLink& link) {
  if (link.source->dtype == DType::kU8) return {};
  const Value* const q = link.source;
  link.quantization.zero_point += kShift;
  if (q->is_constant()) {
    std::vector<uint8_t> shifted;
    for (const int64_t element : q->literal->to_ints()) shifted.push_back(static_cast<uint8_t>(element + kShift));
    link.source = build.constant(Literal::of<uint8_t>(q->literal->dims(), shifted), q->name);
    return {};
  }
  TEGULA_ASSIGN_OR_RETURN(link.source, add_quantize(build, real, link.quantization, DType::kU8));
  return {};
}

/// Of a number from the zero point.
int64_t largest_difference(const QuantizedLink& link) {
  const int64_t zero_point = link.quantization.zero_point + (link.source->dtype == DType::kS8 ? kShift : 0);
  return std::max<int64_t>(zero_point, 255 - zero_point);
}

/// Whether no sum leaves s32. Where the depth depends on symbols, binding has to check it.
bool fits_s32(Graph& graph, const Node& node, const QuantizedLink& a, const QuantizedLink& b) {
  const Value* const left = node.input(0);
  const Dim& depth = left->shape[left->shape.size() - (node.attributes.flag("transpose_a") ? 2 : 1)];
  const int64_t product = std::max<int64_t>(largest_difference(a) * largest_difference(b), 1);
  const int64_t deepest = std::numeric_limits<int32_t>::max() / product;
  if (depth.is_constant()) return depth.value() <= deepest;
  graph.constraints.push_back({GraphConstraint::Kind::kAtLeast, Dim(deepest), depth,
                               concat("node '", name_of(node), "' (matmul): its integer sums have room for ", deepest,
                                      " products, not ", depth.to_string())});
  return true;
}

/// `quantize` is the only reader of the product's result, or nullptr.
Result<bool> fold(Graph& graph, Node& node, Node* quantize) {
  QuantizedLink a = *operand_of(node.input(0)), b = *operand_of(node.input(1));
  Builder build(graph, node.origins, &node);
  if (!fits_s32(graph, node, a, b)) {
    node.rule = "fp32: its sums could leave the range of s32";
    return false;
  }
  TEGULA_RETURN_IF_ERROR(make_unsigned(build, node.input(0), a));
  TEGULA_RETURN_IF_ERROR(make_unsigned(build, node.input(1), b));
  std::vector<PostOp> post_ops = node.post_ops;
  if (node.input(2) != nullptr)
    post_ops.insert(post_ops.begin(), PostOp{.function = Function::k_add, .operand = node.inputs[2]});
  const Quantization result = quantize == nullptr ? Quantization() : as_quantize(quantize->output())->quantization;
  const bool divided = quantize != nullptr && post_ops.empty();
  float multiplier = a.quantization.scale * b.quantization.scale;
  if (const auto alpha = static_cast<float>(node.attributes.number("alpha", 1)); alpha != 1) multiplier *= alpha;
  if (divided) multiplier /= result.scale;
  Value* const multipliers = build.constant(Literal::of<float>({}, std::vector<float>{multiplier}),
                                            concat(node.output()->name, "_multiplier"));

  Attributes attributes;
  for (const char* flag : {"transpose_a", "transpose_b"})
    if (node.attributes.flag(flag)) attributes.set(flag, int64_t{1});
  if (a.quantization.zero_point != 0) attributes.set("src_zero_point", int64_t{a.quantization.zero_point});
  if (b.quantization.zero_point != 0) attributes.set("right_zero_point", int64_t{b.quantization.zero_point});
  if (quantize != nullptr) {
    attributes.set("to", quantize->output()->dtype);
    if (result.zero_point != 0) attributes.set("dst_zero_point", int64_t{result.zero_point});
    if (!divided) attributes.set("dst_scale_inverse", static_cast<double>(1 / result.scale));
  }
  TEGULA_ASSIGN_OR_RETURN(
      Node* const product,
      build.node("quantized_matmul", {a.source, b.source, nullptr, multipliers}, std::move(attributes)));
  for (const PostOp& post_op : post_ops)
    graph.add_post_op(product, with_quantized_operand(post_op, node.output()->shape));
  product->rule = node.rule.empty() ? kRule : node.rule;
  if (quantize != nullptr) add_origins(product->origins, quantize->origins);
  replace_value(graph, quantize == nullptr ? node.output() : quantize->output(), product->output());
  return true;
}

}  // namespace

Result<bool> fold_activation_products(Graph& graph) {
  // A product that is quantized goes at the node that quantizes it, the last of its pattern.
  return rewrite_nodes(graph, [&](Node& node) -> Result<bool> {
    if (is_product_of_activations(&node)) return quantizer_of(node) == nullptr ? fold(graph, node, nullptr) : false;
    if (!as_quantize(node.output())) return false;
    Node* const product = node.input(0)->producer;
    if (!is_product_of_activations(product) || quantizer_of(*product) != &node) return false;
    return fold(graph, *product, &node);
  });
}

}  // namespace tegula::compiler
