// The index (s64) of the largest or smallest element along `axis`.
//
// Attributes: kind ("max", "min"), axis, keepdims, select_last (of equal elements: the last).
#include "kernels/arg_reduce/arg_reduce.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

Status infer_arg_reduce(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  const std::string kind = context.node.attributes.text("kind");
  if (kind != "max" && kind != "min") return context.error("kind must be max or min");
  if (!kernels::is_numeric(src.dtype)) return context.error(concat("no order of ", name_of(src.dtype)));
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", src.rank()));
  Shape shape = src.shape;
  TEGULA_RETURN_IF_ERROR(
      expect_at_least(context, shape[static_cast<std::size_t>(axis)], 1, "the dimension to choose from"));
  if (context.node.attributes.flag("keepdims"))
    shape[static_cast<std::size_t>(axis)] = 1;
  else
    shape.erase(shape.begin() + axis);
  context.outputs.push_back({DType::kS64, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_arg_reduce(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::ArgReduceDesc desc{.axis = static_cast<int>(node.attributes.integer("axis")),
                                    .max = node.attributes.text("kind") == "max",
                                    .select_last = node.attributes.flag("select_last")};
  return evaluate_plain(desc, kernels::arg_reduce, inputs, outputs);
}

Status lower_arg_reduce(LowerContext&, const Node& node, schema::StepT& step) {
  schema::ArgReduceT attributes;
  attributes.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  attributes.max = node.attributes.text("kind") == "max";
  attributes.select_last = node.attributes.flag("select_last");
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// ArgMax and ArgMin 1, 11, 12 (select_last_index), 13.
Result<std::vector<Value*>> import_arg_reduce(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis"), node.inputs[0]->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value * dst,
                          context.build.add("arg_reduce", node.inputs,
                                            {{"kind", std::string(node.op_type == "ArgMax" ? "max" : "min")},
                                             {"axis", axis},
                                             {"keepdims", node.attributes.integer("keepdims", 1)},
                                             {"select_last", node.attributes.integer("select_last_index")}}));
  return ImportedValues{dst};
}

const OpDef arg_reduce_op = {
    .name = "arg_reduce",
    .infer = infer_arg_reduce,
    .evaluate = evaluate_arg_reduce,
    .lower = lower_arg_reduce,
};

}  // namespace tegula::compiler
