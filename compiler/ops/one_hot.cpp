// dst[..., j, ...] = values[1] where j is indices[...], else values[0]; j runs along `axis` of dst.
//
// Inputs: indices, values ([2]: off, on). Attributes: axis (of dst), depth (dims, one entry).
#include "kernels/one_hot/one_hot.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

Status infer_one_hot(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, 2));
  const Value &indices = context.input(0), &values = context.input(1);
  if (!kernels::is_numeric(indices.dtype)) return context.error(concat("no indices of ", name_of(indices.dtype)));
  if (values.rank() != 1) return context.error("values must be the two of [off, on]");
  TEGULA_RETURN_IF_ERROR(same_size(context, values.shape[0], 2, "the number of values"));
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", indices.rank() + 1));
  const Shape depth = context.node.attributes.dims("depth");
  if (depth.size() != 1) return context.error("the depth must be one number");
  TEGULA_RETURN_IF_ERROR(expect_at_least(context, depth[0], 0, "the depth"));
  Shape shape = indices.shape;
  shape.insert(shape.begin() + axis, depth[0]);
  context.outputs.push_back({values.dtype, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_one_hot(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::OneHotDesc desc{static_cast<int>(node.attributes.integer("axis"))};
  return evaluate_plain(desc, kernels::one_hot, inputs, outputs);
}

Status lower_one_hot(LowerContext&, const Node& node, schema::StepT& step) {
  schema::OneHotT attributes;
  attributes.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// OneHot 9, 11.
Result<std::vector<Value*>> import_one_hot(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 3));
  Value *indices = node.inputs[0], *values = node.inputs[2];
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis", -1), indices->rank() + 1));
  Shape depth;
  if (is_float(node.inputs[1]->dtype)) {
    TEGULA_ASSIGN_OR_RETURN(depth, context.real_operand(node, 1));
    for (Dim& dim : depth) dim = real_scale_floor(1, dim);
  } else {
    TEGULA_ASSIGN_OR_RETURN(depth, context.shape_operand(node, 1));
  }
  TEGULA_ASSIGN_OR_RETURN(
      Value * dst, context.build.add("one_hot", {indices, values}, {{"axis", axis}, {"depth", std::move(depth)}}));
  return ImportedValues{dst};
}

const OpDef one_hot_op = {
    .name = "one_hot",
    .infer = infer_one_hot,
    .evaluate = evaluate_one_hot,
    .lower = lower_one_hot,
};

}  // namespace tegula::compiler
