#include "compiler/quantize/integer_attention.h"

#include <algorithm>
#include <optional>

#include "compiler/ops/op_def.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr std::size_t kOperands = 3;
constexpr float kProbabilitySteps = 255;

/// The channels [first, first + count) of all that its source has.
struct ChannelSlice {
  Value* source = nullptr;
  int64_t first = 0, count = 0;
};

std::optional<ChannelSlice> as_channel_slice(const Value* value) {
  const Node* const slice = value->producer;
  if (!is_op(slice, "slice")) return std::nullopt;
  const Shape &starts = slice->attributes.dims("starts"), &from = slice->input(0)->shape;
  const std::vector<int64_t>& steps = slice->attributes.ints("steps");
  if (std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; })) return std::nullopt;
  for (std::size_t d = 0; d + 1 < from.size(); ++d)
    if (!starts[d].is(0) || value->shape[d] != from[d]) return std::nullopt;
  if (!starts.back().is_constant() || !value->shape.back().is_constant()) return std::nullopt;
  return ChannelSlice{slice->input(0), starts.back().value(), value->shape.back().value()};
}

/// The value of which q, k and v are slices, when they are all that is read of it.
Value* common_source(const Node& attention) {
  Value* source = nullptr;
  std::vector<const Node*> slices;
  for (std::size_t i = 0; i < kOperands; ++i) {
    const auto slice = as_channel_slice(attention.input(i));
    if (!slice || (source != nullptr && slice->source != source) || only_user(attention.input(i)) != &attention)
      return nullptr;
    source = slice->source;
    slices.push_back(attention.input(i)->producer);
  }
  const bool all = std::all_of(source->users.begin(), source->users.end(), [&](const Node* user) {
    return std::find(slices.begin(), slices.end(), user) != slices.end();
  });
  return all && !source->is_output && source->shape.back().is_constant() ? source : nullptr;
}

/// The source of the three slices as u8 with a scale for each channel; zero points are the same.
Result<Value*> quantize_channels(Graph& graph, const Node& attention, Value* source,
                                 const std::array<Quantization, 3>& quantizations) {
  std::vector<float> scales(static_cast<std::size_t>(source->shape.back().value()), 1.0f);
  for (std::size_t i = 0; i < kOperands; ++i) {
    const ChannelSlice slice = *as_channel_slice(attention.input(i));
    std::fill_n(scales.begin() + slice.first, slice.count, quantizations[i].scale);
  }
  Node* const first = source->producer != nullptr ? graph.next(source->producer) : graph.nodes().front().get();
  Builder build(graph, source->producer != nullptr ? source->producer->origins : attention.origins, first);
  Value* const scale = build.constant(Literal::of<float>({static_cast<int64_t>(scales.size())}, scales),
                                      concat(source->name, "_scales"));
  Value* const zero_point = build.constant(Literal::scalar(static_cast<uint8_t>(quantizations[0].zero_point)),
                                           concat(source->name, "_zero_point"));
  return build.function(Function::k_quantize_by, {source, scale, zero_point});
}

Result<std::vector<Value*>> quantized_operands(Graph& graph, Node& attention,
                                               std::array<Quantization, 3>& quantizations) {
  std::vector<Value*> operands;
  Value* const source = common_source(attention);
  const bool one_zero_point = quantizations[0].zero_point == quantizations[1].zero_point &&
                              quantizations[0].zero_point == quantizations[2].zero_point;
  if (source != nullptr && one_zero_point) {
    TEGULA_ASSIGN_OR_RETURN(Value* const q, quantize_channels(graph, attention, source, quantizations));
    for (std::size_t i = 0; i < kOperands; ++i) {
      const Node& slice = *attention.input(i)->producer;
      Builder build(graph, slice.origins, &attention);
      TEGULA_ASSIGN_OR_RETURN(Value* const part, build.add("slice", {q}, slice.attributes));
      operands.push_back(part);
    }
    return operands;
  }
  Builder build(graph, attention.origins, &attention);
  for (std::size_t i = 0; i < kOperands; ++i) {
    const auto link = as_dequantize(attention.input(i));
    if (link && link->source->dtype == DType::kU8) {
      quantizations[i] = link->quantization;
      operands.push_back(link->source);
      continue;
    }
    TEGULA_ASSIGN_OR_RETURN(Value* const q, add_quantize(build, attention.input(i), quantizations[i], DType::kU8));
    operands.push_back(q);
  }
  return operands;
}

}  // namespace

Status make_integer_attention(Graph& graph, Node& attention, const std::array<Quantization, 3>& chosen) {
  std::array<Quantization, 3> quantizations = chosen;
  TEGULA_ASSIGN_OR_RETURN(std::vector<Value*> operands, quantized_operands(graph, attention, quantizations));
  if (attention.input(3) != nullptr) operands.push_back(attention.inputs[3]);
  Attributes attributes = attention.attributes;
  set_integer_products(attributes, quantizations, {.scale = 1 / kProbabilitySteps, .zero_point = 0});
  Builder build(graph, attention.origins, &attention);
  TEGULA_ASSIGN_OR_RETURN(Node* const integer, build.node("attention", std::move(operands), std::move(attributes)));
  integer->rule = attention.rule;
  replace_value(graph, attention.output(), integer->output());
  return {};
}

}  // namespace tegula::compiler
