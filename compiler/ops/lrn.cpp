// ONNX LRN: y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta: a few operations, so
// that it needs none of its own.
//
// A few neighbours are as many slices of x, padded along its channels: where channels are innermost, the slices are
// views that an elementwise loop reads. Many are an average pool of the squares along the channels, padding counted.
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

constexpr int64_t kMostSlices = 6;  // what one elementwise loop reads and adds up

/// The mean of the squares, as a sum of slices divided by their number.
Result<Value*> mean_of_slices(ImportContext& context, Value* x, int64_t size) {
  Shape begins(x->shape.size(), Dim(0)), ends = begins;
  begins[1] = (size - 1) / 2;
  ends[1] = size / 2;
  Value* padded = x;
  if (size > 1) {
    TEGULA_ASSIGN_OR_RETURN(
        padded, context.build.add("pad", {x}, {{"mode", std::string("constant")}, {"begins", begins}, {"ends", ends}}));
  }
  Value* sum = nullptr;
  for (int64_t i = 0; i < size; ++i) {
    Value* slice = padded;
    if (size > 1) {
      Shape starts(x->shape.size(), Dim(0));
      starts[1] = i;
      TEGULA_ASSIGN_OR_RETURN(
          slice, context.build.add(
                     "slice", {padded},
                     {{"starts", starts}, {"sizes", x->shape}, {"steps", std::vector<int64_t>(x->shape.size(), 1)}}));
    }
    TEGULA_ASSIGN_OR_RETURN(Value* const square, context.build.function(Function::k_mul, {slice, slice}));
    if (sum == nullptr) {
      sum = square;
    } else {
      TEGULA_ASSIGN_OR_RETURN(sum, context.build.function(Function::k_add, {sum, square}));
    }
  }
  return with_scalar(context, Function::k_div, sum, static_cast<double>(size));
}

/// The same by a pool: [n, c, everything else] is, channels last, one spatial dimension c of as many channels as there
/// are pixels.
Result<Value*> mean_of_pool(ImportContext& context, Value* x, int64_t size) {
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
  return context.build.reshape(average, x->shape);
}

}  // namespace

Result<ImportedValues> import_lrn(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  Value* const x = node.inputs[0];
  if (x->rank() < 2) return node.invalid(concat("an input of shape ", to_string(x->shape), " has no channels"));
  const int64_t size = node.attributes.integer("size");
  if (size < 1 || size > (int64_t{1} << 30)) return node.invalid(concat("size is ", size));
  const double alpha = node.attributes.number("alpha", 1e-4), beta = node.attributes.number("beta", 0.75),
               bias = node.attributes.number("bias", 1);
  TEGULA_ASSIGN_OR_RETURN(Value* const mean,
                          size <= kMostSlices ? mean_of_slices(context, x, size) : mean_of_pool(context, x, size));
  TEGULA_ASSIGN_OR_RETURN(Value* const scaled, with_scalar(context, Function::k_mul, mean, alpha));
  TEGULA_ASSIGN_OR_RETURN(Value* const raised, with_scalar(context, Function::k_add, scaled, bias));
  TEGULA_ASSIGN_OR_RETURN(Value* const power, with_scalar(context, Function::k_pow, raised, beta));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.function(Function::k_div, {x, power}));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
