// ONNX LRN: y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta. The sum over size is an
// average pool of the squares along the channels, padding counted, so LRN is a few operations and needs none of its
// own.
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {

Result<ImportedValues> import_lrn(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  Value* const x = node.inputs[0];
  if (x->rank() < 2) return node.invalid(concat("an input of shape ", to_string(x->shape), " has no channels"));
  const int64_t size = node.attributes.integer("size");
  if (size < 1 || size > (int64_t{1} << 30)) return node.invalid(concat("size is ", size));
  const double alpha = node.attributes.number("alpha", 1e-4), beta = node.attributes.number("beta", 0.75),
               bias = node.attributes.number("bias", 1);
  // [n, c, everything else] is, channels last, one spatial dimension c of as many channels as there are pixels.
  TEGULA_ASSIGN_OR_RETURN(Value* const squares, context.build.function(Function::k_mul, {x, x}));
  TEGULA_ASSIGN_OR_RETURN(Value* const rows,
                          reshaped(context, squares, {x->shape[0], x->shape[1], product(x->shape, 2)}));
  TEGULA_ASSIGN_OR_RETURN(Value* const average, context.build.add("pool", {rows},
                                                                  {{"kind", std::string("average")},
                                                                   {"kernel", std::vector<int64_t>{size}},
                                                                   {"strides", std::vector<int64_t>{1}},
                                                                   {"dilations", std::vector<int64_t>{1}},
                                                                   {"pads_begin", Shape{Dim((size - 1) / 2)}},
                                                                   {"pads_end", Shape{Dim(size / 2)}},
                                                                   {"count_include_pad", int64_t{1}},
                                                                   {"channels_last", int64_t{1}}}));
  TEGULA_ASSIGN_OR_RETURN(Value* const like_x, context.build.reshape(average, x->shape));
  TEGULA_ASSIGN_OR_RETURN(Value* const scaled, with_scalar(context, Function::k_mul, like_x, alpha));
  TEGULA_ASSIGN_OR_RETURN(Value* const raised, with_scalar(context, Function::k_add, scaled, bias));
  TEGULA_ASSIGN_OR_RETURN(Value* const power, with_scalar(context, Function::k_pow, raised, beta));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.function(Function::k_div, {x, power}));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
