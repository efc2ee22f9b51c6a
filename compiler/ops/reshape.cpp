// dst is src's elements, in row-major order, under other dimensions: a view. ONNX Reshape, Flatten, Squeeze, Unsqueeze
// and Identity become this.
//
// Attribute: shape (dims), -1 and 0 resolved already.
#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

Status infer_reshape(InferContext& context) {
  if (context.node.inputs.size() != 1 || !context.has_input(0)) return context.error("one input expected");
  if (!context.node.attributes.has("shape")) return context.error("the attribute 'shape' is missing");
  const Value& src = context.input(0);
  Shape shape = context.node.attributes.dims("shape");
  const Dim before = product(src.shape), after = product(shape);
  if (before != after) {
    const Error error =
        context.error(concat("an input of shape ", to_string(src.shape), " cannot become ", to_string(shape)));
    if (before.is_constant() && after.is_constant()) return error;
    context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, before, after, error.message});
  }
  for (const Dim& dim : shape) {
    if (dim.is_at_least(0)) continue;
    const Error error = context.error(concat("the size ", dim.to_string(), " is negative"));
    if (dim.is_constant()) return error;
    context.graph.constraints.push_back({GraphConstraint::Kind::kAtLeast, dim, 0, error.message});
  }
  context.outputs.push_back({src.dtype, std::move(shape), src.contents});
  return {};
}

}  // namespace

const OpDef reshape_op = {
    .name = "reshape",
    .infer = infer_reshape,
    .is_view = true,
};

}  // namespace tegula::compiler
