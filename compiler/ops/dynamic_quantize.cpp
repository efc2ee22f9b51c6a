// q, scale, zero_point = x quantized by the range of its own elements, with 0 in it
// (kernels/quantize/dynamic_quantize.h).
//
// Attributes: to (u8 or s8), zero_point (the type of the third output: u8 or s32), per_row (0): a range for each row of
// the innermost dimension, scale and zero point are then [..., 1]; per_image (0): for each index of the outermost one,
// [n, 1, ...]. ONNX DynamicQuantizeLinear 11.
#include "kernels/quantize/dynamic_quantize.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

/// Of whatever length: the shape of the scale tells the kernel.
bool has_rows(const Node& node) {
  return node.attributes.flag("per_row") || node.attributes.flag("per_image");
}

Status infer_dynamic_quantize(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& x = context.input(0);
  const Attributes& attributes = context.node.attributes;
  const DType to = attributes.dtype("to", DType::kU8), zero_point = attributes.dtype("zero_point", DType::kU8);
  if (x.dtype != DType::kF32) return context.unsupported(concat("an input of type ", name_of(x.dtype)));
  if (to != DType::kU8 && to != DType::kS8) return context.unsupported(concat("a result of type ", name_of(to)));
  if (zero_point != DType::kS32 && (zero_point != DType::kU8 || to != DType::kU8))
    return context.unsupported(concat("a zero point of type ", name_of(zero_point)));
  Shape shape;
  const bool per_row = attributes.flag("per_row"), per_image = attributes.flag("per_image");
  if (per_row && per_image) return context.error("ranges by row and by image");
  if (per_row && x.rank() == 0) return context.error("a scalar has no rows");
  if (per_image && x.rank() < 2) return context.error(concat("no images in ", to_string(x.shape)));
  if (per_row) {
    shape = x.shape;
    shape.back() = Dim(1);
  } else if (per_image) {
    shape.assign(x.shape.size(), Dim(1));
    shape[0] = x.shape[0];
  }
  context.outputs.push_back({to, x.shape, std::nullopt});
  context.outputs.push_back({DType::kF32, shape, std::nullopt});
  context.outputs.push_back({zero_point, shape, std::nullopt});
  return {};
}

Status evaluate_dynamic_quantize(const Node& node, std::span<const kernels::TensorView> inputs,
                                 std::span<const kernels::TensorView> outputs) {
  const kernels::DynamicQuantizeDesc desc{has_rows(node)};
  return evaluate_plain(desc, kernels::dynamic_quantize, inputs, outputs);
}

Status lower_dynamic_quantize(LowerContext&, const Node& node, schema::StepT& step) {
  schema::DynamicQuantizeT table;
  table.per_row = has_rows(node);
  step.attributes.Set(std::move(table));
  return {};
}

}  // namespace

Result<ImportedValues> import_dynamic_quantize_linear(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(const Node* const y, context.build.node("dynamic_quantize", {node.inputs[0]}));
  return ImportedValues(y->outputs.begin(), y->outputs.end());
}

const OpDef dynamic_quantize_op = {
    .name = "dynamic_quantize",
    .infer = infer_dynamic_quantize,
    .evaluate = evaluate_dynamic_quantize,
    .lower = lower_dynamic_quantize,
};

}  // namespace tegula::compiler
