// dst = src broadcast to `shape` in ONNX's way, both ways: dimensions of `shape` that are 1 keep src's size.
//
// Attribute: shape (dims).
#include "compiler/lowering/lower_context.h"
#include "compiler/ops/broadcast.h"
#include "compiler/ops/infer_helpers.h"
#include "kernels/copy/copy.h"

namespace tegula::compiler {
namespace {

Status infer_expand(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  const Shape to = context.node.attributes.dims("shape");
  for (const Dim& dim : to) TEGULA_RETURN_IF_ERROR(expect_at_least(context, dim, 0, "a size"));
  TEGULA_ASSIGN_OR_RETURN(Shape shape, broadcast(context, src.shape, to));
  auto contents = moved_contents(context, {0}, shape);
  context.outputs.push_back({src.dtype, std::move(shape), std::move(contents)});
  return {};
}

Status evaluate_expand(const Node&, std::span<const kernels::TensorView> inputs,
                       std::span<const kernels::TensorView> outputs) {
  return kernels::copy(inputs[0], outputs[0]);
}

Status lower_expand(LowerContext&, const Node&, schema::StepT& step) {
  step.attributes.Set(schema::CopyT());
  return {};
}

}  // namespace

const OpDef expand_op = {
    .name = "expand",
    .infer = infer_expand,
    .evaluate = evaluate_expand,
    .lower = lower_expand,
};

}  // namespace tegula::compiler
