// Running sums (or products) along `axis`.
//
// Attributes: axis, exclusive (without the element itself), reverse (from the end), product.
#include "kernels/cumsum/cumsum.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

kernels::CumSumDesc desc_of(const Attributes& attributes) {
  return {.axis = static_cast<int>(attributes.integer("axis")),
          .exclusive = attributes.flag("exclusive"),
          .reverse = attributes.flag("reverse"),
          .product = attributes.flag("product")};
}

Status infer_cumsum(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  if (!kernels::is_numeric(src.dtype)) return context.error(concat("no sums of ", name_of(src.dtype)));
  TEGULA_RETURN_IF_ERROR(axis_attribute(context, "axis", src.rank()));
  context.outputs.push_back({src.dtype, src.shape, std::nullopt});
  return {};
}

Status evaluate_cumsum(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  return evaluate_plain(desc_of(node.attributes), kernels::cumsum, inputs, outputs);
}

Status lower_cumsum(LowerContext&, const Node& node, schema::StepT& step) {
  const kernels::CumSumDesc desc = desc_of(node.attributes);
  schema::CumSumT attributes;
  attributes.axis = static_cast<uint32_t>(desc.axis);
  attributes.exclusive = desc.exclusive;
  attributes.reverse = desc.reverse;
  attributes.product = desc.product;
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// CumSum 11, 14 and CumProd 26.
Result<std::vector<Value*>> import_cumsum(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, context.constant_ints(node, 1));
  if (axes.size() != 1) return node.invalid("the axis must be one number");
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis, checked_axis(node, axes[0], node.inputs[0]->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("cumsum", {node.inputs[0]},
                                                         {{"axis", axis},
                                                          {"exclusive", node.attributes.integer("exclusive")},
                                                          {"reverse", node.attributes.integer("reverse")},
                                                          {"product", int64_t{node.op_type == "CumProd"}}}));
  return ImportedValues{dst};
}

const OpDef cumsum_op = {
    .name = "cumsum",
    .infer = infer_cumsum,
    .evaluate = evaluate_cumsum,
    .lower = lower_cumsum,
    .in_place = true,
};

}  // namespace tegula::compiler
