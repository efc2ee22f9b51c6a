// dst[i] = start + i * delta, for i in 0 .. count-1.
//
// Inputs: start, delta (scalars of dst's type). Attribute: count (dims, one entry).
#include "kernels/range/range.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

/// More elements than this describe no shape.
constexpr int64_t kMaxContents = 1024;

std::optional<std::vector<Dim>> range_contents(const InferContext& context, const Dim& count) {
  const Value &start = context.input(0), &delta = context.input(1);
  if (!is_integer(start.dtype) || !start.contents || !delta.contents || !count.is_constant() ||
      count.value() > kMaxContents)
    return std::nullopt;
  std::vector<Dim> contents;
  for (int64_t i = 0; i < count.value(); ++i) contents.push_back((*start.contents)[0] + (*delta.contents)[0] * i);
  return contents;
}

Status infer_range(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, 2));
  const Value &start = context.input(0), &delta = context.input(1);
  if (!kernels::is_numeric(start.dtype)) return context.error(concat("no arithmetic of ", name_of(start.dtype)));
  if (delta.dtype != start.dtype) return context.error("start and delta differ in type");
  if (!product(start.shape).is(1) || !product(delta.shape).is(1))
    return context.error("start and delta must be single elements");
  const Shape count = context.node.attributes.dims("count");
  if (count.size() != 1) return context.error("the count must be one number");
  TEGULA_RETURN_IF_ERROR(expect_at_least(context, count[0], 0, "the count"));
  auto contents = range_contents(context, count[0]);
  context.outputs.push_back({start.dtype, count, std::move(contents)});
  return {};
}

Status evaluate_range(const Node&, kernels::Views inputs, kernels::Views outputs) {
  return evaluate_plain(kernels::RangeDesc{}, kernels::range, inputs, outputs);
}

Status lower_range(LowerContext&, const Node&, schema::StepT& step) {
  step.attributes.Set(schema::RangeT());
  return {};
}

/// How many elements start, start + delta, ... come before limit.
Result<Dim> range_count(ImportContext& context, const OnnxNode& node) {
  Shape bounds;
  const bool real = is_float(node.inputs[0]->dtype);
  for (std::size_t i = 0; i < 3; ++i) {
    TEGULA_ASSIGN_OR_RETURN(const Shape elements,
                            real ? context.real_operand(node, i) : context.shape_operand(node, i));
    if (elements.size() != 1) return node.invalid(concat("input ", i, " must be one number"));
    bounds.push_back(elements[0]);
  }
  if (real) return real_range_count(bounds[0], bounds[1], bounds[2]);
  if (bounds[2].is(0)) return node.invalid("the step is 0");
  return max(0, ceil_div(bounds[1] - bounds[0], bounds[2]));
}

}  // namespace

/// Range 11.
Result<std::vector<Value*>> import_range(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 3));
  TEGULA_ASSIGN_OR_RETURN(Dim count, range_count(context, node));
  TEGULA_ASSIGN_OR_RETURN(
      Value * dst, context.build.add("range", {node.inputs[0], node.inputs[2]}, {{"count", Shape{std::move(count)}}}));
  return ImportedValues{dst};
}

const OpDef range_op = {
    .name = "range",
    .infer = infer_range,
    .evaluate = evaluate_range,
    .lower = lower_range,
};

}  // namespace tegula::compiler
