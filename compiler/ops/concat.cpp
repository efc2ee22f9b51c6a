// dst = the inputs one after another along `axis`.
//
// Attribute: axis.
#include "kernels/concat/concat.h"

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/infer_helpers.h"

namespace tegula::compiler {
namespace {

Status infer_concat(InferContext& context) {
  const std::size_t count = context.node.inputs.size();
  if (count == 0) return context.error("no inputs");
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, count, count));
  const Value& first = context.input(0);
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", first.rank()));
  Shape shape = first.shape;
  std::vector<std::size_t> all = {0};
  for (std::size_t i = 1; i < count; ++i) {
    const Value& next = context.input(i);
    if (next.dtype != first.dtype) return context.error("the inputs differ in type");
    if (next.rank() != first.rank()) return context.error("the inputs differ in rank");
    for (int d = 0; d < first.rank(); ++d) {
      Dim& size = shape[static_cast<std::size_t>(d)];
      const Dim& other = next.shape[static_cast<std::size_t>(d)];
      if (d == axis) {
        size = size + other;
      } else {
        TEGULA_ASSIGN_OR_RETURN(size, same_size(context, size, other, concat("input ", i, ", dimension ", d)));
      }
    }
    all.push_back(i);
  }
  auto contents = moved_contents(context, all, shape);
  context.outputs.push_back({first.dtype, std::move(shape), std::move(contents)});
  return {};
}

Status evaluate_concat(const Node& node, std::span<const kernels::TensorView> inputs,
                       std::span<const kernels::TensorView> outputs) {
  return kernels::concatenate(static_cast<int>(node.attributes.integer("axis")), inputs, outputs[0]);
}

Status lower_concat(LowerContext&, const Node& node, schema::StepT& step) {
  schema::ConcatT concat;
  concat.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  step.attributes.Set(std::move(concat));
  return {};
}

}  // namespace

/// Concat 1, 4, 11, 13. Before 4 the axis was optional.
Result<std::vector<Value*>> import_concat(ImportContext& context, const OnnxNode& node) {
  if (node.inputs.empty()) return node.invalid("has no inputs");
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, node.inputs.size(), node.inputs.size()));
  if (!node.attributes.has("axis") && node.version >= 4) return node.invalid("the attribute 'axis' is missing");
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis", 1), node.inputs[0]->rank()));
  if (node.inputs.size() == 1) return ImportedValues{node.inputs[0]};
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("concat", node.inputs, {{"axis", axis}}));
  return ImportedValues{dst};
}

const OpDef concat_op = {
    .name = "concat",
    .infer = infer_concat,
    .evaluate = evaluate_concat,
    .lower = lower_concat,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
