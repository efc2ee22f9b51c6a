// ONNX GlobalAveragePool, GlobalMaxPool and GlobalLpPool: reductions over all spatial dimensions, whose sizes then need
// not be known.
#include <cmath>

#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

Result<Value*> reduce_spatial(ImportContext& context, const OnnxNode& node, Value* x, const char* kind) {
  if (x->rank() < 2) return node.invalid(concat("an input of shape ", to_string(x->shape), " has no channels"));
  std::vector<int64_t> axes;
  for (int64_t axis = 2; axis < x->rank(); ++axis) axes.push_back(axis);
  if (axes.empty()) return x;
  return context.build.add("reduce", {x},
                           {{"kind", std::string(kind)}, {"axes", std::move(axes)}, {"keepdims", int64_t{1}}});
}

}  // namespace

Result<ImportedValues> import_global_average_pool(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, reduce_spatial(context, node, node.inputs[0], "mean"));
  return ImportedValues{y};
}

Result<ImportedValues> import_global_max_pool(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, reduce_spatial(context, node, node.inputs[0], "max"));
  return ImportedValues{y};
}

/// (sum |x|^p)^(1/p)
Result<ImportedValues> import_global_lp_pool(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  const int64_t p = node.attributes.integer("p", 2);
  if (p < 1) return node.invalid(concat("p is ", p));
  if (p <= 2) {
    TEGULA_ASSIGN_OR_RETURN(Value* const y, reduce_spatial(context, node, node.inputs[0], p == 1 ? "l1" : "l2"));
    return ImportedValues{y};
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const magnitude, context.build.function(Function::k_abs, {node.inputs[0]}));
  TEGULA_ASSIGN_OR_RETURN(Value* const power, with_scalar(context, Function::k_pow, magnitude, static_cast<double>(p)));
  TEGULA_ASSIGN_OR_RETURN(Value* const sum, reduce_spatial(context, node, power, "sum"));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, with_scalar(context, Function::k_pow, sum, 1.0 / static_cast<double>(p)));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
