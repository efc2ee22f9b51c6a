// dst = exp(z - max(z)) / sum(exp(z - max(z))) along `axis`, with z = scale * x + mask; or its logarithm.
//
// Attributes: axis, log (0), scale (1). The mask broadcasts to x. Along the innermost dimension x and dst may be bf16
// or quantized (ops/quantized_ends.h); the mask is f32 then. ONNX Softmax, LogSoftmax and Hardmax (1, 11, 13). Before
// 13 the input is flattened to a matrix at `axis`; that is written as reshapes, so that the rest of the compiler knows
// one softmax.
#include "kernels/softmax/softmax.h"
#include "compiler/lowering/lower_context.h"
#include "compiler/ops/broadcast.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_ends.h"

namespace tegula::compiler {
namespace {

Status infer_softmax(InferContext& context) {
  if (context.node.inputs.empty() || !context.has_input(0) || context.node.inputs.size() > 2)
    return context.error("one or two inputs expected");
  const Value& x = context.input(0);
  DType dtype = x.dtype;
  const bool is_narrow = has_ends(context);
  if (is_narrow) {
    TEGULA_ASSIGN_OR_RETURN(dtype, infer_ends(context));
    if (context.has_input(1) && context.input(1).dtype != DType::kF32)
      return context.unsupported(concat("a mask of type ", name_of(context.input(1).dtype)));
  }
  for (const Value* input : context.node.inputs)
    if (!is_narrow && input &&
        ((input->dtype != DType::kF32 && input->dtype != DType::kF64) || input->dtype != x.dtype))
      return context.unsupported(concat("operands of type ", name_of(input->dtype), "; f32 and f64 are supported"));
  const int64_t axis = context.node.attributes.integer("axis");
  if (axis < 0 || axis >= x.rank()) return context.error(concat("axis ", axis, " of ", to_string(x.shape)));
  if (is_narrow && axis != x.rank() - 1)
    return context.unsupported("a softmax of bf16 or quantized numbers along another dimension than the innermost");
  if (context.has_input(1)) {
    TEGULA_ASSIGN_OR_RETURN(const Shape both, broadcast(context, x.shape, context.input(1).shape));
    if (both.size() != x.shape.size()) return context.error("the mask has more dimensions than the input");
    if (constant_dims(both) && constant_dims(x.shape) && both != x.shape)
      return context.error(
          concat("a mask of ", to_string(context.input(1).shape), " does not broadcast to ", to_string(x.shape)));
  }
  context.outputs.push_back({dtype, x.shape, std::nullopt});
  return {};
}

Status evaluate_softmax(const Node& node, std::span<const kernels::TensorView> inputs,
                        std::span<const kernels::TensorView> outputs) {
  kernels::SoftmaxDesc desc;
  desc.axis = static_cast<int>(node.attributes.integer("axis"));
  desc.log = node.attributes.flag("log");
  desc.scale = static_cast<float>(node.attributes.number("scale", 1));
  const RealEnds ends(node, inputs, outputs);
  TEGULA_RETURN_IF_ERROR(kernels::check(desc, ends.inputs(), ends.outputs()));
  TEGULA_RETURN_IF_ERROR(kernels::softmax(desc, ends.inputs(), ends.outputs()));
  ends.store();
  return {};
}

Status lower_softmax(LowerContext&, const Node& node, schema::StepT& step) {
  schema::SoftmaxT softmax;
  softmax.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  softmax.log = node.attributes.flag("log");
  softmax.scale = static_cast<float>(node.attributes.number("scale", 1));
  softmax.ends = ends_table(node);
  step.attributes.Set(std::move(softmax));
  return {};
}

/// Calls `along(x, axis)` with what ONNX means at the node's version, and undoes the flattening afterwards.
template <typename Along>
Result<ImportedValues> with_axis(ImportContext& context, const OnnxNode& node, Along&& along) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  Value* const x = node.inputs[0];
  const bool flattens = node.version < 13;
  if (x->rank() == 0) return node.invalid("the input is a scalar");
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis", flattens ? 1 : -1), x->rank()));
  if (!flattens || axis == x->rank() - 1) {
    TEGULA_ASSIGN_OR_RETURN(Value* const y, along(x, axis));
    return ImportedValues{y};
  }
  const std::size_t split = static_cast<std::size_t>(axis);
  TEGULA_ASSIGN_OR_RETURN(Value* const matrix,
                          reshaped(context, x, {product(x->shape, 0, split), product(x->shape, split)}));
  TEGULA_ASSIGN_OR_RETURN(Value* const flat, along(matrix, 1));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.reshape(flat, x->shape));
  return ImportedValues{y};
}

}  // namespace

const OpDef softmax_op = {
    .name = "softmax",
    .infer = infer_softmax,
    .evaluate = evaluate_softmax,
    .lower = lower_softmax,
    .in_place = true,
    .strided_inputs = true,
    .strided_outputs = true,
};

Result<ImportedValues> import_softmax(ImportContext& context, const OnnxNode& node) {
  const int64_t log = node.op_type == "LogSoftmax";
  return with_axis(context, node, [&](Value* x, int64_t axis) {
    Attributes attributes = {{"axis", axis}};
    if (log != 0) attributes.set("log", log);
    return context.build.add("softmax", {x}, std::move(attributes));
  });
}

/// 1 at the first maximum along the axis, 0 elsewhere.
Result<ImportedValues> import_hardmax(ImportContext& context, const OnnxNode& node) {
  return with_axis(context, node, [&](Value* x, int64_t axis) -> Result<Value*> {
    TEGULA_ASSIGN_OR_RETURN(const int64_t size,
                            constant_dim(node, x->shape[static_cast<std::size_t>(axis)], "the size along the axis"));
    TEGULA_ASSIGN_OR_RETURN(
        Value* const first,
        context.build.add("arg_reduce", {x}, {{"kind", std::string("max")}, {"axis", axis}, {"keepdims", int64_t{1}}}));
    std::vector<int64_t> positions(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int64_t>(i);
    Value* const range = context.build.constant(Literal::of<int64_t>({size}, positions), "positions");
    TEGULA_ASSIGN_OR_RETURN(Value* const aligned, aligned_to_axis(context, range, axis, x->rank()));
    TEGULA_ASSIGN_OR_RETURN(Value* const is_first, context.build.function(Function::k_equal, {aligned, first}));
    return context.build.cast(is_first, x->dtype);
  });
}

}  // namespace tegula::compiler
