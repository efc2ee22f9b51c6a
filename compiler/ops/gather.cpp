// dst[..., i..., ...] = src[..., indices[i...], ...] along `axis`. Negative indices count from the end.
//
// Attribute: axis.
#include "kernels/gather/gather.h"

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/infer_helpers.h"

namespace tegula::compiler {
namespace {

Status infer_gather(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, 2));
  const Value &src = context.input(0), &indices = context.input(1);
  if (indices.dtype != DType::kS32 && indices.dtype != DType::kS64)
    return context.error(concat("indices must be s32 or s64, not ", name_of(indices.dtype)));
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", src.rank()));
  const auto at = src.shape.begin() + axis;
  if (const auto literal = small_literal(indices); literal && at->is_constant())
    for (const int64_t index : literal->to_ints())
      if (index < -at->value() || index >= at->value())
        return context.error(concat("index ", index, " is out of range for a dimension of ", at->value()));
  Shape shape(src.shape.begin(), at);
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), at + 1, src.shape.end());
  auto contents = moved_contents(context, {0}, shape);
  context.outputs.push_back({src.dtype, std::move(shape), std::move(contents)});
  return {};
}

Status evaluate_gather(const Node& node, std::span<const kernels::TensorView> inputs,
                       std::span<const kernels::TensorView> outputs) {
  return kernels::gather(static_cast<int>(node.attributes.integer("axis")), inputs[0], inputs[1], outputs[0]);
}

Status lower_gather(LowerContext&, const Node& node, schema::StepT& step) {
  schema::GatherT gather;
  gather.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  step.attributes.Set(std::move(gather));
  return {};
}

}  // namespace

/// Gather 1, 11, 13.
Result<std::vector<Value*>> import_gather(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis"), node.inputs[0]->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("gather", node.inputs, {{"axis", axis}}));
  return ImportedValues{dst};
}

const OpDef gather_op = {
    .name = "gather",
    .infer = infer_gather,
    .evaluate = evaluate_gather,
    .lower = lower_gather,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
