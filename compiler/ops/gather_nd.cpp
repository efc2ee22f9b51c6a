// dst[b..., i..., :] = src[b..., indices[b..., i..., 0..k-1], :], k the last dimension of indices.
//
// Attribute: batch_dims, how many leading dimensions src and indices share.
#include "kernels/gather_nd/gather_nd.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

Status infer_gather_nd(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, 2));
  const Value &src = context.input(0), &indices = context.input(1);
  const int64_t batch_dims = context.node.attributes.integer("batch_dims");
  if (!is_index_type(indices.dtype)) return context.error("indices must be s32 or s64");
  if (batch_dims < 0 || batch_dims >= indices.rank() || batch_dims > src.rank())
    return context.error(concat("batch_dims ", batch_dims, " is out of range"));
  if (!indices.shape.back().is_constant())
    return context.error(
        concat("the last dimension of indices (", indices.shape.back().to_string(), ") must be a number"));
  const int64_t k = indices.shape.back().value();
  if (k > src.rank() - batch_dims)
    return context.error(
        concat("index tuples of ", k, " for ", src.rank(), " dimensions, ", batch_dims, " of them shared"));
  Shape shape(indices.shape.begin(), indices.shape.end() - 1);
  for (std::size_t d = 0; d < static_cast<std::size_t>(batch_dims); ++d) {
    TEGULA_ASSIGN_OR_RETURN(shape[d],
                            same_size(context, src.shape[d], indices.shape[d], concat("batch dimension ", d)));
  }
  shape.insert(shape.end(), src.shape.begin() + batch_dims + k, src.shape.end());
  auto contents = moved_contents(context, {0}, shape);
  context.outputs.push_back({src.dtype, std::move(shape), std::move(contents)});
  return {};
}

Status evaluate_gather_nd(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::GatherNdDesc desc{static_cast<int>(node.attributes.integer("batch_dims"))};
  return evaluate_plain(desc, kernels::gather_nd, inputs, outputs);
}

Status lower_gather_nd(LowerContext&, const Node& node, schema::StepT& step) {
  schema::GatherNdT attributes;
  attributes.batch_dims = static_cast<uint32_t>(node.attributes.integer("batch_dims"));
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// GatherND 11, 12 (batch_dims), 13.
Result<std::vector<Value*>> import_gather_nd(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("gather_nd", node.inputs,
                                                         {{"batch_dims", node.attributes.integer("batch_dims")}}));
  return ImportedValues{dst};
}

const OpDef gather_nd_op = {
    .name = "gather_nd",
    .infer = infer_gather_nd,
    .evaluate = evaluate_gather_nd,
    .lower = lower_gather_nd,
};

}  // namespace tegula::compiler
