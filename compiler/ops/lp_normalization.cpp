// ONNX LpNormalization: x over its 1- or 2-norm along one axis (zero where the norm is zero), and
// MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) over several.
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

Result<Value*> reduce(ImportContext& context, Value* x, const char* kind, std::vector<int64_t> axes) {
  return context.build.add("reduce", {x},
                           {{"kind", std::string(kind)}, {"axes", std::move(axes)}, {"keepdims", int64_t{1}}});
}

}  // namespace

Result<ImportedValues> import_lp_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  Value* const x = node.inputs[0];
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis, checked_axis(node, node.attributes.integer("axis", -1), x->rank()));
  const int64_t p = node.attributes.integer("p", 2);
  if (p != 1 && p != 2) return node.invalid(concat("p is ", p, "; it must be 1 or 2"));
  TEGULA_ASSIGN_OR_RETURN(Value* const norm, reduce(context, x, p == 1 ? "l1" : "l2", {axis}));
  Value* const zero = scalar(context, x->dtype, 0);
  TEGULA_ASSIGN_OR_RETURN(Value* const is_zero, context.build.function(Function::k_equal, {norm, zero}));
  TEGULA_ASSIGN_OR_RETURN(Value* const quotient, context.build.function(Function::k_div, {x, norm}));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.function(Function::k_where, {is_zero, zero, quotient}));
  return ImportedValues{y};
}

/// The variance is the mean of squared differences: mean(x^2) - mean(x)^2 would cancel.
Result<ImportedValues> import_mean_variance_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  Value* const x = node.inputs[0];
  std::vector<int64_t> given = node.attributes.ints("axes");
  if (!node.attributes.has("axes")) given = {0, 2, 3};
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, checked_axes(node, given, x->rank()));
  if (axes.empty()) return node.invalid("axes are empty");
  TEGULA_ASSIGN_OR_RETURN(Value* const mean, reduce(context, x, "mean", axes));
  TEGULA_ASSIGN_OR_RETURN(Value* const centred, context.build.function(Function::k_sub, {x, mean}));
  TEGULA_ASSIGN_OR_RETURN(Value* const squares, context.build.function(Function::k_mul, {centred, centred}));
  TEGULA_ASSIGN_OR_RETURN(Value* const variance, reduce(context, squares, "mean", axes));
  TEGULA_ASSIGN_OR_RETURN(Value* const deviation, context.build.function(Function::k_sqrt, {variance}));
  TEGULA_ASSIGN_OR_RETURN(Value* const raised, with_scalar(context, Function::k_add, deviation, 1e-9));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.function(Function::k_div, {centred, raised}));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
