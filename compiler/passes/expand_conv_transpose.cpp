#include "compiler/passes/expand_conv_transpose.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>

#include "compiler/ops/op_def.h"
#include "compiler/ops/sliding_window.h"
#include "compiler/passes/conv_phases.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// [n, q..., (group, phases..., oc)] as [n, (q, phase)..., (group, oc)].
Result<Value*> interleave(Builder& build, Value* value, const ConvPhases& t) {
  const std::size_t spatial = t.spatial.size();
  // n and the first q stay together, or three spatial dimensions would make more dimensions than there may be.
  Shape split = {value->shape[0] * value->shape[1]}, joined = {value->shape[0]};
  std::vector<int64_t> perm = {0};
  const auto phase_axis = [&](std::size_t d) { return static_cast<int64_t>(spatial + 1 + d); };
  for (std::size_t d = 0; d < spatial; ++d) {
    if (d > 0) {
      split.push_back(value->shape[1 + d]);
      perm.push_back(static_cast<int64_t>(d));
    }
    perm.push_back(phase_axis(d));
    joined.push_back(value->shape[1 + d] * t.spatial[d].stride);
  }
  split.push_back(t.groups);
  perm.push_back(static_cast<int64_t>(spatial));
  for (const Phases& dimension : t.spatial) split.push_back(dimension.stride);
  split.push_back(t.oc);
  perm.push_back(phase_axis(spatial));
  joined.push_back(t.groups * t.oc);
  TEGULA_ASSIGN_OR_RETURN(Value* const phases, build.reshape(value, std::move(split)));
  TEGULA_ASSIGN_OR_RETURN(Value* const moved, build.transpose(phases, std::move(perm)));
  return build.reshape(moved, std::move(joined));
}

/// The elements of a constant at these places, along the first of `rank` dimensions.
Literal elements_at(const Literal& literal, const std::vector<int64_t>& places, std::size_t rank) {
  Dims dims(rank, 1);
  dims[0] = static_cast<int64_t>(places.size());
  const std::size_t size = size_of(literal.dtype());
  return Literal::make(literal.dtype(), std::move(dims), [&](const kernels::TensorView& view) {
    auto* out = static_cast<std::byte*>(view.data);
    for (const int64_t place : places) {
      std::memcpy(out, literal.bytes().data() + static_cast<std::size_t>(place) * size, size);
      out += size;
    }
  });
}

/// `q` dequantized as `constant` is, with the scales and zero points at `places`, one place for each channel of `q`,
/// where `constant` has several.
Result<Value*> dequantized_like(Builder& build, const Value* constant, Literal q, const std::vector<int64_t>& places) {
  const Node& node = *constant->producer;
  const std::size_t rank = q.dims().size();
  std::vector<Value*> operands = {build.constant(std::move(q), node.inputs[0]->name)};
  for (Value* operand : std::span(node.inputs).subspan(1))
    operands.push_back(operand->literal->count() == 1
                           ? operand
                           : build.constant(elements_at(*operand->literal, places, rank), operand->name));
  return build.add("eltwise", std::move(operands), node.attributes);
}

/// For each output channel the place of its scale and zero point among those of the weights; empty: there is none,
/// since what one channel sums up has several.
std::vector<int64_t> places_of_scales(const Value* weights, const ConvPhases& t) {
  std::vector<int64_t> places;
  const bool by_output = as_dequantized_constant(weights, 1).has_value();
  const auto by_input = as_dequantized_constant(weights, 0);
  if (!by_output && !by_input) return places;
  for (int64_t g = 0; g < t.groups; ++g) {
    const int64_t first = g * t.ic;
    for (int64_t place = first; !by_output && place < first + t.ic; ++place)
      if (by_input->scale(place) != by_input->scale(first) ||
          by_input->zero_point(place) != by_input->zero_point(first))
        return {};
    for (int64_t o = 0; o < t.oc; ++o) places.push_back(by_output ? o : first);
  }
  return places;
}

/// A constant that is f32, or dequantized.
bool is_known(const Value* value) {
  return (value->is_constant() && value->dtype == DType::kF32) || is_dequantized_constant(value);
}

/// The numbers of a known constant.
Result<Literal> real_numbers(const Value* value) {
  if (value->is_constant()) return *value->literal;
  std::vector<const Literal*> inputs;
  for (const Value* input : value->producer->inputs) inputs.push_back(&*input->literal);
  TEGULA_ASSIGN_OR_RETURN(std::vector<Literal> literals, evaluate(*value->producer, inputs));
  return std::move(literals[0]);
}

/// The weights of the convolution, quantized where the node's are and each channel has one scale; `rule` is set where
/// it is that which keeps them from being quantized.
Result<Value*> phase_weights(Builder& build, const Node& node, const ConvPhases& t, std::string& rule) {
  const Value* const w = node.input(1);
  const std::vector<int64_t> places = w->is_constant() ? std::vector<int64_t>() : places_of_scales(w, t);
  if (places.empty()) {
    if (!w->is_constant())
      rule = "fp32: its weights have scales of input channels; integer sums take those of output channels (axis 1)";
    TEGULA_ASSIGN_OR_RETURN(const Literal real, real_numbers(w));
    return build.constant(t.weights(real), w->name);
  }
  const auto constant = as_dequantized_constant(w, as_dequantized_constant(w, 1) ? 1 : 0);
  std::vector<int64_t> zero_points;
  for (const int64_t place : places) zero_points.push_back(constant->zero_point(place));
  return dequantized_like(build, w, t.weights(*constant->q, zero_points), t.channels(places));
}

Result<Value*> phase_bias(Builder& build, const Value* bias, const ConvPhases& t) {
  std::vector<int64_t> channels(static_cast<std::size_t>(t.groups * t.oc));
  std::iota(channels.begin(), channels.end(), 0);
  const std::vector<int64_t> places = t.channels(channels);
  if (bias->is_constant()) return build.constant(elements_at(*bias->literal, places, 1), bias->name);
  return dequantized_like(build, bias, elements_at(*bias->producer->inputs[0]->literal, places, 1), places);
}

/// What reads the value alone, of it and constants with one number for each channel (of the innermost dimension).
struct ChannelFunction {
  Node* node = nullptr;
  std::vector<std::vector<float>> constants;  ///< by operand; empty for the value itself
};

std::optional<ChannelFunction> channel_function_of(const Value* value) {
  ChannelFunction result{only_user(value), {}};
  if (result.node == nullptr || single_function(*result.node) == nullptr) return std::nullopt;
  const Value* const y = result.node->outputs[0];
  if (y->dtype != DType::kF32 || y->shape != value->shape) return std::nullopt;
  for (const Value* operand : result.node->inputs) {
    const auto numbers = operand == value ? std::vector<float>() : per_channel(operand, y->shape, y->rank() - 1);
    if (!numbers) return std::nullopt;
    result.constants.push_back(*numbers);
  }
  return result;
}

Result<bool> expand(Graph& graph, Node& node) {
  const Value *const w = node.input(1), *const bias = node.input(2);
  if (!is_op(&node, "conv_transpose") || !node.attributes.flag("channels_last") || !node.post_ops.empty()) return false;
  if (!is_known(w) || (bias != nullptr && !is_known(bias))) {
    if (as_dequantize(node.input(0)) || as_dynamic_dequantize(node.input(0)))
      node.rule = is_known(w) ? "fp32: its bias is no constant" : "fp32: its weights are no constant";
    return false;
  }
  Value* const x = node.inputs[0];
  const Shape in = spatial_dims(x->shape, true);
  const SlidingWindow from = window_of(node.attributes, in.size());
  ConvPhases t;
  t.groups = node.attributes.integer("groups", 1);
  t.ic = w->shape[0].value() / t.groups;
  t.oc = w->shape[1].value();

  SlidingWindow window;
  Shape starts = {0}, sizes = {x->shape[0]};
  for (std::size_t d = 0; d < in.size(); ++d) {
    const Phases phases = {from.kernel[d], from.strides[d], from.dilations[d]};
    const int64_t reach = phases.tap_distance() * (phases.taps() - 1);
    // Whole steps of the padding come off the convolution's own; the rest of it is cropped.
    const Dim skipped = min(floor_div(from.pads_begin[d], phases.stride), reach);
    starts.push_back(from.pads_begin[d] - skipped * phases.stride);
    sizes.push_back((*from.sizes)[d]);
    const Dim count = ceil_div(starts.back() + sizes.back(), phases.stride);
    window.kernel.push_back(phases.taps());
    window.strides.push_back(1);
    window.dilations.push_back(phases.tap_distance());
    window.pads_begin.push_back(reach - skipped);
    window.pads_end.push_back(max(count - in[d] + skipped, 0));
    t.spatial.push_back(phases);
  }
  starts.push_back(0);
  sizes.push_back(t.groups * t.oc);

  Builder build(graph, node.origins, &node);
  std::string rule;
  std::vector<Value*> operands = {x};
  TEGULA_ASSIGN_OR_RETURN(operands.emplace_back(), phase_weights(build, node, t, rule));
  if (bias != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(operands.emplace_back(), phase_bias(build, bias, t));
  }
  Attributes attributes = attributes_of(window);
  attributes.set("groups", t.groups);
  attributes.set("channels_last", int64_t{1});
  attributes.set("transposed", int64_t{1});  // for what speaks of ONNX's operators
  TEGULA_ASSIGN_OR_RETURN(Node* const conv, build.node("conv", std::move(operands), std::move(attributes)));
  conv->rule = rule.empty() ? node.rule : rule;
  Value *y = conv->output(), *replaced = node.outputs[0];
  while (const auto function = channel_function_of(replaced)) {
    Builder at_function(graph, function->node->origins, &node);
    std::vector<Value*> inputs;
    for (const std::vector<float>& numbers : function->constants) {
      const std::vector<float> of_phases = numbers.empty() ? numbers : t.channels(numbers);
      inputs.push_back(numbers.empty() ? y
                                       : at_function.constant(
                                             Literal::of<float>({static_cast<int64_t>(of_phases.size())}, of_phases)));
    }
    TEGULA_ASSIGN_OR_RETURN(y, at_function.add("eltwise", std::move(inputs), function->node->attributes));
    replaced = function->node->outputs[0];
  }
  if (t.phases() > 1) {
    TEGULA_ASSIGN_OR_RETURN(y, interleave(build, y, t));
  }
  if (y->shape != sizes) {
    std::vector<int64_t> steps(sizes.size(), 1);
    TEGULA_ASSIGN_OR_RETURN(y, build.add("slice", {y}, {{"starts", starts}, {"sizes", sizes}, {"steps", steps}}));
  }
  replace_value(graph, replaced, y);
  return true;
}

}  // namespace

Result<bool> expand_conv_transpose(Graph& graph) {
  std::vector<Node*> candidates;  // a rewrite also erases nodes after its own: the activations
  for (const auto& node : graph.nodes())
    if (is_op(node.get(), "conv_transpose")) candidates.push_back(node.get());
  bool changed = false;
  for (Node* node : candidates) {
    TEGULA_ASSIGN_OR_RETURN(const bool expanded, expand(graph, *node));
    changed |= expanded;
  }
  if (changed) graph.remove_dead();
  return changed;
}

}  // namespace tegula::compiler
