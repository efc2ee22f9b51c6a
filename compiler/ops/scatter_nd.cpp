// dst = src; then dst[indices[i, 0..k-1], :] op= updates[i, :], k the last dimension of indices.
//
// Inputs: src, indices, updates. Attribute: reduction ("none", "add", "mul", "max", "min").
#include "compiler/ops/plain_op.h"
#include "compiler/ops/scatter_reduction.h"

namespace tegula::compiler {
namespace {

Status infer_scatter_nd(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 3, 3));
  const Value &src = context.input(0), &indices = context.input(1), &updates = context.input(2);
  if (!is_index_type(indices.dtype)) return context.error("indices must be s32 or s64");
  if (updates.dtype != src.dtype) return context.error("input and updates differ in type");
  const auto reduction = scatter_reduction(context.node.attributes.text("reduction", "none"));
  if (!reduction) return context.error("unknown reduction");
  if (*reduction != kernels::ScatterReduction::kNone && !kernels::is_numeric(src.dtype))
    return context.error(concat("no reduction of ", name_of(src.dtype)));
  if (indices.rank() < 1) return context.error("indices must not be a scalar");
  if (!indices.shape.back().is_constant())
    return context.error(
        concat("the last dimension of indices (", indices.shape.back().to_string(), ") must be a number"));
  const int64_t k = indices.shape.back().value();
  if (k > src.rank()) return context.error(concat("index tuples of ", k, " for ", src.rank(), " dimensions"));
  Shape expected(indices.shape.begin(), indices.shape.end() - 1);
  expected.insert(expected.end(), src.shape.begin() + k, src.shape.end());
  if (updates.shape.size() != expected.size())
    return context.error(concat("updates have ", updates.rank(), " dimensions; ", expected.size(), " expected"));
  for (std::size_t d = 0; d < expected.size(); ++d)
    TEGULA_RETURN_IF_ERROR(same_size(context, updates.shape[d], expected[d], concat("dimension ", d, " of updates")));
  context.outputs.push_back({src.dtype, src.shape, std::nullopt});
  return {};
}

Status evaluate_scatter_nd(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::ScatterNdDesc desc{*scatter_reduction(node.attributes.text("reduction", "none"))};
  return evaluate_plain(desc, kernels::scatter_nd, inputs, outputs);
}

Status lower_scatter_nd(LowerContext&, const Node& node, schema::StepT& step) {
  schema::ScatterNdT attributes;
  attributes.reduction =
      static_cast<schema::ScatterReduction>(*scatter_reduction(node.attributes.text("reduction", "none")));
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// ScatterND 11, 13, 16 (add, mul), 18 (max, min).
Result<std::vector<Value*>> import_scatter_nd(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 3));
  const std::string reduction = node.attributes.text("reduction", "none");
  if (!scatter_reduction(reduction)) return node.unsupported(concat("reduction '", reduction, "'"));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("scatter_nd", node.inputs, {{"reduction", reduction}}));
  return ImportedValues{dst};
}

const OpDef scatter_nd_op = {
    .name = "scatter_nd",
    .infer = infer_scatter_nd,
    .evaluate = evaluate_scatter_nd,
    .lower = lower_scatter_nd,
};

}  // namespace tegula::compiler
