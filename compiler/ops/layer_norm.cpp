// dst = (z - mean(z)) / sqrt(variance(z) + epsilon) * scale + bias over the dimensions from `axis` on, where z = x +
// residual; with `rms`: z / sqrt(mean(z^2) + epsilon) * scale.
//
// Inputs: x, scale?, bias?, residual?; scale and bias have the shape of the normalised dimensions. Attributes: axis,
// epsilon (1e-5), rms (0). Outputs: dst, mean?, inverse? = 1 / sqrt(variance + epsilon), sum? = z. x,
// residual and dst may be bf16 or quantized (ops/quantized_ends.h; the residual is the second operand), each of its own
// type; scale, bias and statistics are f32 then, and the sum is of type sum_to (f32, or bf16). ONNX
// LayerNormalization and RMSNormalization; com.microsoft SkipLayerNormalization and SkipSimplifiedLayerNormalization.
#include "kernels/normalize/layer_norm.h"
#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_ends.h"

namespace tegula::compiler {
namespace {

constexpr std::size_t kNarrowOperands[] = {0, 3};  // x and the residual

/// The types of dst, of the statistics and of the sum.
struct NormTypes {
  DType dst, statistics, sum;
};

Result<NormTypes> infer_types(const InferContext& context) {
  const DType type = context.input(0).dtype;
  if (!has_ends(context, kNarrowOperands)) {
    for (const Value* input : context.node.inputs)
      if (input && ((input->dtype != DType::kF32 && input->dtype != DType::kF64) || input->dtype != type))
        return context.unsupported(concat("operands of type ", name_of(input->dtype), "; f32 and f64 are supported"));
    return NormTypes{type, type, type};
  }
  for (const std::size_t i : {1, 2})
    if (context.has_input(i) && context.input(i).dtype != DType::kF32)
      return context.unsupported(concat("a scale or bias of type ", name_of(context.input(i).dtype)));
  TEGULA_ASSIGN_OR_RETURN(const DType dst, infer_ends(context, kNarrowOperands));
  const DType sum = context.node.attributes.dtype("sum_to", DType::kF32);
  if (sum != DType::kF32 && sum != DType::kBF16) return context.unsupported(concat("a sum of type ", name_of(sum)));
  return NormTypes{dst, DType::kF32, sum};
}

Status infer_layer_norm(InferContext& context) {
  if (context.node.inputs.empty() || !context.has_input(0) || context.node.inputs.size() > 4)
    return context.error("one to four inputs expected");
  const Value& x = context.input(0);
  TEGULA_ASSIGN_OR_RETURN(const NormTypes types, infer_types(context));
  const int64_t axis = context.node.attributes.integer("axis");
  if (axis < 0 || axis >= x.rank()) return context.error(concat("axis ", axis, " of ", to_string(x.shape)));
  const Shape normalised(x.shape.begin() + axis, x.shape.end());
  for (const std::size_t i : {1, 2})
    if (context.has_input(i) && context.input(i).shape != normalised)
      return context.error(concat(i == 1 ? "a scale" : "a bias", " of shape ", to_string(context.input(i).shape),
                                  " for ", to_string(normalised)));
  if (context.has_input(3) && context.input(3).shape != x.shape)
    return context.error(
        concat("a residual of shape ", to_string(context.input(3).shape), " for ", to_string(x.shape)));
  Shape statistics(x.shape.begin(), x.shape.begin() + axis);
  statistics.resize(x.shape.size(), Dim(1));
  context.outputs.push_back({types.dst, x.shape, std::nullopt});
  context.outputs.push_back({types.statistics, statistics, std::nullopt});
  context.outputs.push_back({types.statistics, statistics, std::nullopt});
  context.outputs.push_back({types.sum, x.shape, std::nullopt});
  return {};
}

Status evaluate_layer_norm(const Node& node, std::span<const kernels::TensorView> inputs,
                           std::span<const kernels::TensorView> outputs) {
  kernels::LayerNormDesc desc;
  desc.axis = static_cast<int>(node.attributes.integer("axis"));
  desc.epsilon = static_cast<float>(node.attributes.number("epsilon", 1e-5));
  desc.rms = node.attributes.flag("rms");
  const RealEnds ends(node, inputs, outputs, kNarrowOperands);
  TEGULA_RETURN_IF_ERROR(kernels::check(desc, ends.inputs(), ends.outputs()));
  TEGULA_RETURN_IF_ERROR(kernels::layer_norm(desc, ends.inputs(), ends.outputs()));
  ends.store();
  return {};
}

Status lower_layer_norm(LowerContext&, const Node& node, schema::StepT& step) {
  schema::LayerNormT norm;
  norm.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  norm.epsilon = static_cast<float>(node.attributes.number("epsilon", 1e-5));
  norm.rms = node.attributes.flag("rms");
  norm.ends = ends_table(node);
  step.attributes.Set(std::move(norm));
  return {};
}

/// A scale or bias as the operand that layer_norm takes, or nullptr when its shape needs broadcasting.
Result<Value*> norm_operand(ImportContext& context, Value* value, const Shape& normalised) {
  if (value->shape == normalised) return value;
  if (product(value->shape) == product(normalised) && value->rank() > static_cast<int>(normalised.size()))
    return reshaped(context, value, normalised);
  return static_cast<Value*>(nullptr);
}

struct NormInputs {
  Value *x = nullptr, *scale = nullptr, *bias = nullptr, *residual = nullptr;
};

/// The four outputs of layer_norm. A scale or bias that is not simply of the normalised shape is applied afterwards.
Result<ImportedValues> normalise(ImportContext& context, const NormInputs& in, int64_t axis, Attributes attributes) {
  const Shape normalised(in.x->shape.begin() + axis, in.x->shape.end());
  attributes.set("axis", axis);
  std::vector<Value*> operands = {in.x, nullptr, nullptr, in.residual};
  Value *late_scale = nullptr, *late_bias = nullptr;
  if (in.scale != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(operands[1], norm_operand(context, in.scale, normalised));
    if (operands[1] == nullptr) late_scale = in.scale;
  }
  if (in.bias != nullptr && late_scale == nullptr) {
    TEGULA_ASSIGN_OR_RETURN(operands[2], norm_operand(context, in.bias, normalised));
  }
  if (in.bias != nullptr && operands[2] == nullptr) late_bias = in.bias;
  while (operands.back() == nullptr) operands.pop_back();
  TEGULA_ASSIGN_OR_RETURN(Node* const norm,
                          context.build.node("layer_norm", std::move(operands), std::move(attributes)));
  ImportedValues outputs(norm->outputs.begin(), norm->outputs.end());
  if (late_scale != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(outputs[0], context.build.function(Function::k_mul, {outputs[0], late_scale}));
  }
  if (late_bias != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(outputs[0], context.build.function(Function::k_add, {outputs[0], late_bias}));
  }
  return outputs;
}

}  // namespace

const OpDef layer_norm_op = {
    .name = "layer_norm",
    .infer = infer_layer_norm,
    .evaluate = evaluate_layer_norm,
    .lower = lower_layer_norm,
    .strided_inputs = true,
    .strided_outputs = true,
};

/// LayerNormalization: outputs Y, Mean?, InvStdDev?.
Result<ImportedValues> import_layer_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 3));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis", -1), node.inputs[0]->rank()));
  TEGULA_ASSIGN_OR_RETURN(ImportedValues outputs,
                          normalise(context, {node.inputs[0], node.inputs[1], node.input(2), nullptr}, axis,
                                    {{"epsilon", node.attributes.number("epsilon", 1e-5)}}));
  outputs.resize(3);
  return outputs;
}

/// RMSNormalization; and SimplifiedLayerNormalization, as ONNX Runtime calls it.
Result<ImportedValues> import_rms_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis", -1), node.inputs[0]->rank()));
  TEGULA_ASSIGN_OR_RETURN(const ImportedValues outputs,
                          normalise(context, {node.inputs[0], node.inputs[1], nullptr, nullptr}, axis,
                                    {{"epsilon", node.attributes.number("epsilon", 1e-5)}, {"rms", int64_t{1}}}));
  if (node.op_type == "RMSNormalization") return ImportedValues{outputs[0]};
  return ImportedValues{outputs[0], outputs[2]};
}

/// com.microsoft SkipLayerNormalization (input, skip, gamma, beta?, bias?) and SkipSimplifiedLayerNormalization (input,
/// skip, gamma, bias?): a normalisation of input + skip + bias. Outputs: Y, mean?, inverse?, the sum?.
Result<ImportedValues> import_skip_layer_normalization(ImportContext& context, const OnnxNode& node) {
  const bool rms = node.op_type == "SkipSimplifiedLayerNormalization";
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, rms ? 4 : 5));
  Value* x = node.inputs[0];
  Value* skip = node.inputs[1];
  if (Value* const bias = node.input(rms ? 3 : 4); bias != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(x, context.build.function(Function::k_add, {x, bias}));
  }
  if (skip->shape != x->shape) {  // broadcast over the batch
    TEGULA_ASSIGN_OR_RETURN(x, context.build.function(Function::k_add, {x, skip}));
    skip = nullptr;
  }
  Attributes attributes = {{"epsilon", node.attributes.number("epsilon", 1e-5)}};
  if (rms) attributes.set("rms", int64_t{1});
  TEGULA_ASSIGN_OR_RETURN(ImportedValues outputs,
                          normalise(context, {x, node.inputs[2], rms ? nullptr : node.input(3), skip}, x->rank() - 1,
                                    std::move(attributes)));
  if (skip == nullptr) outputs[3] = x;
  return outputs;
}

}  // namespace tegula::compiler
