// The upper (column - row >= k) or lower (<= k) triangle of the last two dimensions, zeros elsewhere.
//
// Attributes: upper, k (dims, one entry).
#include "kernels/trilu/trilu.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

Status infer_trilu(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  if (src.rank() < 2) return context.error("at least two dimensions expected");
  if (context.node.attributes.dims("k").size() != 1) return context.error("k must be one number");
  context.outputs.push_back({src.dtype, src.shape, std::nullopt});
  return {};
}

Status evaluate_trilu(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const Shape k = node.attributes.dims("k");
  if (!k[0].is_constant()) return Error{ErrorCode::kUnsupported, "the diagonal depends on symbols"};
  const kernels::TriluDesc desc{.upper = node.attributes.flag("upper"), .k = k[0].value()};
  return evaluate_plain(desc, kernels::trilu, inputs, outputs);
}

Status lower_trilu(LowerContext& context, const Node& node, schema::StepT& step) {
  schema::TriluT attributes;
  attributes.upper = node.attributes.flag("upper");
  attributes.k = context.expressions(node.attributes.dims("k"));
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// Trilu 14.
Result<std::vector<Value*>> import_trilu(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 2));
  Shape k = {0};
  if (node.input(1) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(k, context.shape_operand(node, 1));
  }
  TEGULA_ASSIGN_OR_RETURN(Value * dst,
                          context.build.add("trilu", {node.inputs[0]},
                                            {{"upper", node.attributes.integer("upper", 1)}, {"k", std::move(k)}}));
  return ImportedValues{dst};
}

const OpDef trilu_op = {
    .name = "trilu",
    .infer = infer_trilu,
    .evaluate = evaluate_trilu,
    .lower = lower_trilu,
    .in_place = true,
};

}  // namespace tegula::compiler
