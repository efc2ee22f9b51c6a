#include "compiler/passes/move_quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/passes/quantization.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// The number that padding writes, when it is constant padding with a known one.
std::optional<float> padding_of(const Node& node) {
  if (node.attributes.text("mode", "constant") != "constant") return std::nullopt;
  const Value* fill = node.input(1);
  if (fill == nullptr) return 0.0f;
  if (!fill->is_constant() || fill->dtype != DType::kF32 || fill->literal->count() != 1) return std::nullopt;
  return fill->literal->at<float>(0);
}

template <typename Q>
Literal saturated_scalar(double q) {
  return Literal::scalar(
      static_cast<Q>(std::clamp<double>(q, std::numeric_limits<Q>::min(), std::numeric_limits<Q>::max())));
}

/// The fill of a pad of quantized values; nullopt when `must_be_exact` and no quantized number is this one.
std::optional<Literal> quantized_padding(float fill, const Quantization& quantization, DType dtype,
                                         bool must_be_exact) {
  const double q =
      std::nearbyint(static_cast<double>(fill / quantization.scale)) + static_cast<double>(quantization.zero_point);
  const Literal literal = dtype == DType::kU8 ? saturated_scalar<uint8_t>(q) : saturated_scalar<int8_t>(q);
  const auto back = static_cast<float>(literal.to_ints()[0] - quantization.zero_point) * quantization.scale;
  if (must_be_exact && back != fill) return std::nullopt;
  return literal;
}

/// The node again on quantized data.
Result<Value*> again(Builder& build, const Node& node, const std::vector<Value*>& data,
                     const std::optional<Literal>& padding) {
  std::vector<Value*> inputs = node.inputs;
  std::copy(data.begin(), data.end(), inputs.begin());
  if (padding) {
    inputs.resize(std::max<std::size_t>(inputs.size(), 2));
    inputs[1] = build.constant(*padding, "padding");
  }
  if (is_op(&node, "transpose") && data[0]->is_constant())
    return make_transpose(build, data[0], node.attributes.ints("perm"));
  if (is_op(&node, "reshape") && data[0]->is_constant()) return make_reshape(build, data[0], node.output()->shape);
  return build.add(node.op->name, std::move(inputs), node.attributes);
}

/// op(dequantize(q)) -> dequantize(op(q))
Result<bool> sink_dequantize(Graph& graph, Node& node) {
  const auto first = as_dequantize(node.input(0));
  if (!first || first->source->dtype == DType::kS32) return false;
  std::vector<Value*> data;
  for (std::size_t i = 0; i < data_operands(node); ++i) {
    const auto link = as_dequantize(node.input(i));
    if (!link || link->quantization != first->quantization || link->source->dtype != first->source->dtype) return false;
    data.push_back(link->source);
  }
  std::optional<Literal> padding;
  if (is_op(&node, "pad") && node.attributes.text("mode", "constant") == "constant") {
    const auto fill = padding_of(node);
    if (fill) padding = quantized_padding(*fill, first->quantization, first->source->dtype, true);
    if (!padding) return false;
  }
  Builder build(graph, node.origins, &node);
  TEGULA_ASSIGN_OR_RETURN(Value* const q, again(build, node, data, padding));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, add_dequantize(build, q, first->quantization));
  replace_value(graph, node.output(), y);
  return true;
}

/// The same with a scale and zero point that are computed, for all of the tensor, where one operand holds the data.
Result<bool> sink_dynamic_dequantize(Graph& graph, Node& node) {
  const auto link = as_dynamic_dequantize(node.input(0));
  if (!link || !link->is_per_tensor() || is_op(&node, "pad") || is_op(&node, "concat")) return false;
  Builder build(graph, node.origins, &node);
  TEGULA_ASSIGN_OR_RETURN(Value* const q, again(build, node, {link->source}, std::nullopt));
  TEGULA_ASSIGN_OR_RETURN(Value* const scale, make_reshape(build, link->scale, {}));
  TEGULA_ASSIGN_OR_RETURN(Value* const zero_point, make_reshape(build, link->zero_point, {}));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, build.function(Function::k_dequantize_by, {q, scale, zero_point}));
  replace_value(graph, node.output(), y);
  return true;
}

/// Scales along one dimension of a constant move with it: transpose(dequantize_by(w, s, z)), as in front of a product.
Result<bool> sink_channel_scales(Graph& graph, Node& node) {
  if (!is_op(&node, "transpose") || !is_dequantized_constant(node.input(0))) return false;
  const Node& above = *node.input(0)->producer;
  if (!is_function(&above, Function::k_dequantize_by)) return false;
  const Permutation perm = node.attributes.ints("perm");
  Builder build(graph, node.origins, &node);
  std::vector<Value*> inputs;
  for (Value* value : above.inputs) {
    TEGULA_ASSIGN_OR_RETURN(Value* const ranked, with_rank(build, value, node.output()->rank()));
    TEGULA_ASSIGN_OR_RETURN(Value* const moved, make_transpose(build, ranked, perm));
    inputs.push_back(moved);
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, build.function(Function::k_dequantize_by, inputs));
  replace_value(graph, node.output(), y);
  return true;
}

/// quantize(relu(x)) -> quantize(x)
Result<bool> absorb_clip(Graph& graph, Node& node, const QuantizedLink& link) {
  Node* const clip = link.source->producer;
  if (only_user(link.source) != &node) return false;
  if (!is_function(clip, Function::k_clip) && !is_function(clip, Function::k_relu)) return false;
  const auto* const function = single_function(*clip);
  const auto bounds = clip_bounds(function->function, function->alpha, function->beta);
  if (clip->input(0)->dtype != DType::kF32 || !saturates_within(*bounds, link.quantization, node.output()->dtype))
    return false;
  add_origins(node.origins, clip->origins);
  graph.set_input(&node, 0, clip->input(0));
  erase_unread(graph, clip);
  return true;
}

/// quantize(op(x)) -> op(quantize(x))
Result<bool> hoist_quantize(Graph& graph, Node& node, const QuantizedLink& link) {
  Node* const above = link.source->producer;
  if (above == nullptr || !is_placing(*above) || only_user(link.source) != &node || link.source != above->output())
    return false;
  const DType to = node.output()->dtype;
  std::optional<Literal> padding;
  if (is_op(above, "pad") && above->attributes.text("mode", "constant") == "constant") {
    const auto fill = padding_of(*above);
    if (!fill) return false;
    padding = quantized_padding(*fill, link.quantization, to, false);
  }
  Builder build(graph, node.origins, &node);
  std::vector<Value*> data;
  for (std::size_t i = 0; i < data_operands(*above); ++i) {
    TEGULA_ASSIGN_OR_RETURN(Value* const q, add_quantize(build, above->input(i), link.quantization, to));
    data.push_back(q);
  }
  Builder build_above(graph, above->origins, &node);
  TEGULA_ASSIGN_OR_RETURN(Value* const y, again(build_above, *above, data, padding));
  replace_value(graph, node.output(), y);
  return true;
}

Result<bool> rewrite(Graph& graph, Node& node) {
  if (const auto link = as_quantize(node.output())) {
    const auto above = as_dequantize(link->source);
    if (above && above->quantization == link->quantization && above->source->dtype == node.output()->dtype) {
      replace_value(graph, node.output(), above->source);
      return true;
    }
    TEGULA_ASSIGN_OR_RETURN(const bool absorbed, absorb_clip(graph, node, *link));
    if (absorbed) return true;
    return hoist_quantize(graph, node, *link);
  }
  if (!is_placing(node)) return false;
  TEGULA_ASSIGN_OR_RETURN(const bool sunk, sink_dequantize(graph, node));
  if (sunk) return true;
  TEGULA_ASSIGN_OR_RETURN(const bool sunk_dynamic, sink_dynamic_dequantize(graph, node));
  if (sunk_dynamic) return true;
  return sink_channel_scales(graph, node);
}

}  // namespace

Result<bool> move_quantization(Graph& graph) {
  bool changed = false;
  for (;;) {
    TEGULA_ASSIGN_OR_RETURN(const bool again, rewrite_nodes(graph, [&](Node& node) { return rewrite(graph, node); }));
    if (!again) return changed;
    changed = true;
  }
}

}  // namespace tegula::compiler
