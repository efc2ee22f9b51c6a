// dst = (x - mean) / sqrt(variance + epsilon) * scale[c] + bias[c], mean and variance over each group of channels and
// all spatial dimensions of one image. Instance normalisation has groups == channels.
//
// Inputs: x, scale [c], bias [c]. Attributes: groups, epsilon (1e-5), channels_last.
// ONNX InstanceNormalization and GroupNormalization (18: scale and bias per group; 21: per channel).
#include "kernels/normalize/group_norm.h"
#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/sliding_window.h"

namespace tegula::compiler {
namespace {

Status infer_group_norm(InferContext& context) {
  if (context.node.inputs.size() != 3 || !context.has_input(0) || !context.has_input(1) || !context.has_input(2))
    return context.error("three inputs expected");
  const Value& x = context.input(0);
  for (const Value* input : context.node.inputs)
    if ((input->dtype != DType::kF32 && input->dtype != DType::kF64) || input->dtype != x.dtype)
      return context.unsupported(concat("operands of type ", name_of(input->dtype), "; f32 and f64 are supported"));
  if (x.rank() < 2) return context.error(concat("an input of shape ", to_string(x.shape), " has no channels"));
  const Dim& channels = channels_of(x.shape, context.node.attributes.flag("channels_last"));
  const int64_t groups = context.node.attributes.integer("groups", 1);
  if (!channels.is_constant())
    return context.unsupported(concat("the number of channels (", channels.to_string(), ") must be known"));
  if (groups < 1 || channels.value() % groups != 0)
    return context.error(concat(channels.value(), " channels in ", groups, " groups"));
  for (const std::size_t i : {1, 2})
    if (context.input(i).shape != Shape{channels})
      return context.error(concat(i == 1 ? "a scale" : "a bias", " of shape ", to_string(context.input(i).shape),
                                  " for ", channels.value(), " channels"));
  context.outputs.push_back({x.dtype, x.shape, std::nullopt});
  return {};
}

/// The kernel is channels-last; the graph may be channels-first.
kernels::TensorView with_channels_last(const kernels::TensorView& view) {
  std::vector<int> order = {0};
  for (int d = 2; d < view.rank; ++d) order.push_back(d);
  order.push_back(1);
  return view.permuted(order);
}

Status evaluate_group_norm(const Node& node, std::span<const kernels::TensorView> inputs,
                           std::span<const kernels::TensorView> outputs) {
  kernels::GroupNormDesc desc;
  desc.groups = node.attributes.integer("groups", 1);
  desc.epsilon = static_cast<float>(node.attributes.number("epsilon", 1e-5));
  std::vector<kernels::TensorView> in(inputs.begin(), inputs.end()), out(outputs.begin(), outputs.end());
  if (!node.attributes.flag("channels_last")) {
    in[0] = with_channels_last(in[0]);
    out[0] = with_channels_last(out[0]);
  }
  TEGULA_RETURN_IF_ERROR(kernels::check(desc, in, out));
  return kernels::group_norm(desc, in, out);
}

Status lower_group_norm(LowerContext&, const Node& node, schema::StepT& step) {
  schema::GroupNormT norm;
  norm.groups = static_cast<uint64_t>(node.attributes.integer("groups", 1));
  norm.epsilon = static_cast<float>(node.attributes.number("epsilon", 1e-5));
  step.attributes.Set(std::move(norm));
  return {};
}

Result<ImportedValues> normalise(ImportContext& context, const OnnxNode& node, Value* scale, Value* bias,
                                 int64_t groups) {
  TEGULA_ASSIGN_OR_RETURN(
      Value* const y, context.build.add("group_norm", {node.inputs[0], scale, bias},
                                        {{"groups", groups}, {"epsilon", node.attributes.number("epsilon", 1e-5)}}));
  return ImportedValues{y};
}

/// [groups] as [channels], each entry repeated.
Result<Value*> per_channel(ImportContext& context, Value* value, int64_t channels) {
  const Dim groups = value->shape[0], repeats = floor_div(channels, groups);
  TEGULA_ASSIGN_OR_RETURN(Value* const column, reshaped(context, value, {groups, 1}));
  TEGULA_ASSIGN_OR_RETURN(Value* const table,
                          context.build.add("expand", {column}, {{"shape", Shape{groups, repeats}}}));
  return context.build.reshape(table, {Dim(channels)});
}

}  // namespace

const OpDef group_norm_op = {
    .name = "group_norm",
    .infer = infer_group_norm,
    .evaluate = evaluate_group_norm,
    .lower = lower_group_norm,
    .strided_inputs = true,
    .strided_outputs = true,
};

Result<ImportedValues> import_instance_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 3));
  if (node.inputs[0]->rank() < 2) return node.invalid("the input has no channels");
  TEGULA_ASSIGN_OR_RETURN(const int64_t channels,
                          constant_dim(node, node.inputs[0]->shape[1], "the number of channels"));
  return normalise(context, node, node.inputs[1], node.inputs[2], channels);
}

Result<ImportedValues> import_group_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 3));
  if (node.inputs[0]->rank() < 2) return node.invalid("the input has no channels");
  TEGULA_ASSIGN_OR_RETURN(const int64_t channels,
                          constant_dim(node, node.inputs[0]->shape[1], "the number of channels"));
  const int64_t groups = node.attributes.integer("num_groups");
  if (groups < 1 || channels % groups != 0) return node.invalid(concat(channels, " channels in ", groups, " groups"));
  Value *scale = node.inputs[1], *bias = node.inputs[2];
  if (node.version < 21 && groups != channels) {
    if (scale->shape != Shape{groups} || bias->shape != Shape{groups})
      return node.invalid("scale and bias must have one entry per group");
    TEGULA_ASSIGN_OR_RETURN(scale, per_channel(context, scale, channels));
    TEGULA_ASSIGN_OR_RETURN(bias, per_channel(context, bias, channels));
  }
  return normalise(context, node, scale, bias, groups);
}

}  // namespace tegula::compiler
