// dst = src; then dst[i with its coordinate `axis` replaced by indices[i]] op= updates[i].
//
// Inputs: src, indices, updates. Attributes: axis, reduction ("none", "add", "mul", "max", "min").
#include "compiler/ops/plain_op.h"
#include "compiler/ops/scatter_reduction.h"

namespace tegula::compiler {
namespace {

Status infer_scatter_elements(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 3, 3));
  const Value &src = context.input(0), &indices = context.input(1), &updates = context.input(2);
  if (!is_index_type(indices.dtype)) return context.error("indices must be s32 or s64");
  if (updates.dtype != src.dtype) return context.error("input and updates differ in type");
  if (src.rank() != indices.rank() || src.rank() != updates.rank())
    return context.error("input, indices and updates must have as many dimensions");
  const auto reduction = scatter_reduction(context.node.attributes.text("reduction", "none"));
  if (!reduction) return context.error("unknown reduction");
  if (*reduction != kernels::ScatterReduction::kNone && !kernels::is_numeric(src.dtype))
    return context.error(concat("no reduction of ", name_of(src.dtype)));
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", src.rank()));
  for (std::size_t d = 0; d < src.shape.size(); ++d) {
    TEGULA_RETURN_IF_ERROR(same_size(context, indices.shape[d], updates.shape[d], concat("dimension ", d)));
    if (static_cast<int>(d) != axis)
      TEGULA_RETURN_IF_ERROR(expect_at_least(context, src.shape[d], indices.shape[d], concat("dimension ", d)));
  }
  context.outputs.push_back({src.dtype, src.shape, std::nullopt});
  return {};
}

Status evaluate_scatter_elements(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::ScatterElementsDesc desc{static_cast<int>(node.attributes.integer("axis")),
                                          *scatter_reduction(node.attributes.text("reduction", "none"))};
  return evaluate_plain(desc, kernels::scatter_elements, inputs, outputs);
}

Status lower_scatter_elements(LowerContext&, const Node& node, schema::StepT& step) {
  schema::ScatterElementsT attributes;
  attributes.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  attributes.reduction =
      static_cast<schema::ScatterReduction>(*scatter_reduction(node.attributes.text("reduction", "none")));
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// ScatterElements 11, 13, 16 (add, mul), 18 (max, min), and Scatter 9, 11, which is the same.
Result<std::vector<Value*>> import_scatter_elements(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 3));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis"), node.inputs[0]->rank()));
  const std::string reduction = node.attributes.text("reduction", "none");
  if (!scatter_reduction(reduction)) return node.unsupported(concat("reduction '", reduction, "'"));
  TEGULA_ASSIGN_OR_RETURN(
      Value * dst, context.build.add("scatter_elements", node.inputs, {{"axis", axis}, {"reduction", reduction}}));
  return ImportedValues{dst};
}

const OpDef scatter_elements_op = {
    .name = "scatter_elements",
    .infer = infer_scatter_elements,
    .evaluate = evaluate_scatter_elements,
    .lower = lower_scatter_elements,
};

}  // namespace tegula::compiler
