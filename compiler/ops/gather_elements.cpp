// dst[i] = src[i with its coordinate `axis` replaced by indices[i]].
//
// Attribute: axis.
#include "kernels/gather_elements/gather_elements.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

Status infer_gather_elements(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, 2));
  const Value &src = context.input(0), &indices = context.input(1);
  if (!is_index_type(indices.dtype)) return context.error("indices must be s32 or s64");
  if (src.rank() != indices.rank()) return context.error("indices must have as many dimensions as the input");
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", src.rank()));
  for (int d = 0; d < src.rank(); ++d)
    if (d != axis)
      TEGULA_RETURN_IF_ERROR(expect_at_least(context, src.shape[static_cast<std::size_t>(d)],
                                             indices.shape[static_cast<std::size_t>(d)], concat("dimension ", d)));
  auto contents = moved_contents(context, {0}, indices.shape);
  context.outputs.push_back({src.dtype, indices.shape, std::move(contents)});
  return {};
}

Status evaluate_gather_elements(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::GatherElementsDesc desc{static_cast<int>(node.attributes.integer("axis"))};
  return evaluate_plain(desc, kernels::gather_elements, inputs, outputs);
}

Status lower_gather_elements(LowerContext&, const Node& node, schema::StepT& step) {
  schema::GatherElementsT attributes;
  attributes.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// GatherElements 11, 13.
Result<std::vector<Value*>> import_gather_elements(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis"), node.inputs[0]->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("gather_elements", node.inputs, {{"axis", axis}}));
  return ImportedValues{dst};
}

const OpDef gather_elements_op = {
    .name = "gather_elements",
    .infer = infer_gather_elements,
    .evaluate = evaluate_gather_elements,
    .lower = lower_gather_elements,
};

}  // namespace tegula::compiler
