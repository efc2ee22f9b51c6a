// A layer of recurrent cells (kernels/recurrent/recurrent.h) whose gates' input part is computed already.
//
// Inputs: gates, recurrence, lengths?, initial_h?, initial_c?, peepholes?, hidden_bias?. Outputs: y, last_h, last_c
// (lstm). Attributes: kind ("rnn", "gru", "lstm"), directions, reverse, linear_before_reset, input_forget, clip;
// activations (names of functions, those of each direction after another) with alphas, betas, in_scales and out_scales
// for each.
#include "kernels/recurrent/recurrent.h"

#include <algorithm>

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

std::optional<kernels::RecurrentDesc> desc_of(const Attributes& attributes) {
  kernels::RecurrentDesc desc;
  const std::string kind = attributes.text("kind");
  desc.kind = kind == "lstm"  ? kernels::RecurrentKind::kLstm
              : kind == "gru" ? kernels::RecurrentKind::kGru
                              : kernels::RecurrentKind::kRnn;
  if (desc.kind == kernels::RecurrentKind::kRnn && kind != "rnn") return std::nullopt;
  const int64_t directions = attributes.integer("directions", 1);
  if (directions < 1 || directions > 2) return std::nullopt;
  desc.directions = static_cast<int>(directions);
  desc.reverse = attributes.flag("reverse");
  desc.linear_before_reset = attributes.flag("linear_before_reset");
  desc.input_forget = attributes.flag("input_forget");
  desc.clip = static_cast<float>(attributes.number("clip"));

  const std::vector<std::string> names = attributes.texts("activations");
  const std::vector<double> lists[] = {attributes.numbers("alphas"), attributes.numbers("betas"),
                                       attributes.numbers("in_scales"), attributes.numbers("out_scales")};
  if (names.size() != static_cast<std::size_t>(desc.directions * desc.activations_per_direction())) return std::nullopt;
  for (const std::vector<double>& list : lists)
    if (list.size() != names.size()) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto function = function_from_name(names[i]);
    if (!function) return std::nullopt;
    const auto number = [&](std::size_t list) { return static_cast<float>(lists[list][i]); };
    desc.activations[i] = {*function, number(0), number(1), number(2), number(3)};
  }
  return desc;
}

Status infer_recurrent(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, kernels::kRecurrentInputs));
  const auto desc = desc_of(context.node.attributes);
  if (!desc) return context.error("attributes that describe no recurrent layer");
  const Value &gates = context.input(0), &recurrence = context.input(1);
  if (gates.rank() != 3 || recurrence.rank() != 3)
    return context.error("gates and recurrence must have three dimensions");
  const Dim &time = gates.shape[0], &batch = gates.shape[1], &hidden = recurrence.shape[1];
  if (!hidden.is_constant() || hidden.value() < 1) return context.error("the hidden size must be a number");
  const Dim directions = desc->directions, width = hidden * desc->gates();
  const struct {
    std::size_t input;
    std::string_view name;
    Shape shape;
  } operands[] = {
      {kernels::kGatesInput, "gates", {time, batch, directions * width}},
      {kernels::kRecurrenceInput, "recurrence", {directions, hidden, width}},
      {kernels::kLengthsInput, "sequence_lens", {batch}},
      {kernels::kInitialHInput, "initial_h", {directions, batch, hidden}},
      {kernels::kInitialCInput, "initial_c", {directions, batch, hidden}},
      {kernels::kPeepholesInput, "peepholes", {directions, hidden * 3}},
      {kernels::kHiddenBiasInput, "hidden_bias", {directions, hidden}},
  };
  for (const auto& [input, name, shape] : operands) {
    if (!context.has_input(input)) continue;
    const Value& value = context.input(input);
    const DType type = input == kernels::kLengthsInput ? DType::kS32 : DType::kF32;
    if (value.dtype != type)
      return context.error(concat(name, " must be ", tegula::name_of(type), ", not ", tegula::name_of(value.dtype)));
    if (value.shape.size() != shape.size())
      return context.error(concat(name, " of shape ", to_string(value.shape), "; ", to_string(shape), " expected"));
    for (std::size_t d = 0; d < shape.size(); ++d)
      TEGULA_RETURN_IF_ERROR(same_size(context, value.shape[d], shape[d], concat(name, ", dimension ", d)));
  }
  const Shape state = {directions, batch, hidden};
  context.outputs.push_back({DType::kF32, {time, directions, batch, hidden}, std::nullopt});
  context.outputs.push_back({DType::kF32, state, std::nullopt});
  if (desc->kind == kernels::RecurrentKind::kLstm) context.outputs.push_back({DType::kF32, state, std::nullopt});
  return {};
}

Status evaluate_recurrent(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  return evaluate_plain(*desc_of(node.attributes), kernels::recurrent, inputs, outputs);
}

Status lower_recurrent(LowerContext&, const Node& node, schema::StepT& step) {
  const kernels::RecurrentDesc desc = *desc_of(node.attributes);
  schema::RecurrentT attributes;
  attributes.kind = static_cast<schema::RecurrentKind>(desc.kind);
  attributes.directions = static_cast<uint32_t>(desc.directions);
  attributes.reverse = desc.reverse;
  attributes.linear_before_reset = desc.linear_before_reset;
  attributes.input_forget = desc.input_forget;
  attributes.clip = desc.clip;
  for (int i = 0; i < desc.directions * desc.activations_per_direction(); ++i) {
    const kernels::GateActivation& activation = desc.activations[static_cast<std::size_t>(i)];
    auto row = std::make_unique<schema::GateActivationT>();
    row->function = static_cast<uint16_t>(activation.function);
    row->alpha = activation.alpha;
    row->beta = activation.beta;
    row->in_scale = activation.in_scale;
    row->out_scale = activation.out_scale;
    attributes.activations.push_back(std::move(row));
  }
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

const OpDef recurrent_op = {
    .name = "recurrent",
    .infer = infer_recurrent,
    .evaluate = evaluate_recurrent,
    .lower = lower_recurrent,
};

}  // namespace tegula::compiler
