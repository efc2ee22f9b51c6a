// The k largest (smallest) elements along `axis`, best first, and their indices (s64).
//
// Attributes: axis, k (dims, one entry), largest.
#include "kernels/topk/topk.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

Status infer_topk(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  if (!kernels::is_numeric(src.dtype)) return context.error(concat("no order of ", name_of(src.dtype)));
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", src.rank()));
  const Shape k = context.node.attributes.dims("k");
  if (k.size() != 1) return context.error("k must be one number");
  Shape shape = src.shape;
  Dim& size = shape[static_cast<std::size_t>(axis)];
  TEGULA_RETURN_IF_ERROR(expect_at_least(context, k[0], 0, "k"));
  TEGULA_RETURN_IF_ERROR(expect_at_least(context, size, k[0], "the dimension that k are taken from"));
  size = k[0];
  context.outputs.push_back({src.dtype, shape, std::nullopt});
  context.outputs.push_back({DType::kS64, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_topk(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::TopKDesc desc{.axis = static_cast<int>(node.attributes.integer("axis")),
                               .largest = node.attributes.flag("largest")};
  return evaluate_plain(desc, kernels::topk, inputs, outputs);
}

Status lower_topk(LowerContext&, const Node& node, schema::StepT& step) {
  schema::TopKT attributes;
  attributes.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  attributes.largest = node.attributes.flag("largest");
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// TopK 1 (k is an attribute), 10 (an input), 11 (largest, sorted), 24. What need not be sorted is sorted all the same.
Result<std::vector<Value*>> import_topk(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, node.version >= 10 ? 2 : 1, 2));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis", -1), node.inputs[0]->rank()));
  Shape k = node.attributes.dims("k");
  if (node.version >= 10) {
    TEGULA_ASSIGN_OR_RETURN(k, context.shape_operand(node, 1));
  }
  TEGULA_ASSIGN_OR_RETURN(
      Node * topk,
      context.build.node("topk", {node.inputs[0]},
                         {{"axis", axis}, {"k", std::move(k)}, {"largest", node.attributes.integer("largest", 1)}}));
  ImportedValues values = {topk->outputs[0], topk->outputs[1]};
  values.resize(std::max<std::size_t>(1, node.output_names.size()), nullptr);
  return values;
}

const OpDef topk_op = {
    .name = "topk",
    .infer = infer_topk,
    .evaluate = evaluate_topk,
    .lower = lower_topk,
};

}  // namespace tegula::compiler
