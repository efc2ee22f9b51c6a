// ONNX BatchNormalization (7, 9, 14, 15), written as what it is at inference: y = x * a[c] + b[c] with a = scale /
// sqrt(variance
// + epsilon) and b = bias - mean * a. With constant statistics a and b are constants, and a pass folds them into the
// operation before. In training mode (14 and later) mean and variance are the batch's own, and the running ones are
// outputs.
#include <cmath>

#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

struct Affine {
  Value *a = nullptr, *b = nullptr;  ///< [c]
};

/// From constants, in double precision: these two numbers stand for five.
Affine constant_affine(ImportContext& context, const OnnxNode& node, double epsilon) {
  const std::vector<double> scale = node.inputs[1]->literal->to_doubles(), bias = node.inputs[2]->literal->to_doubles(),
                            mean = node.inputs[3]->literal->to_doubles(),
                            variance = node.inputs[4]->literal->to_doubles();
  std::vector<float> a(scale.size()), b(scale.size());
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double factor = scale[c] / std::sqrt(variance[c] + epsilon);
    a[c] = static_cast<float>(factor);
    b[c] = static_cast<float>(bias[c] - mean[c] * factor);
  }
  const Dims dims = {static_cast<int64_t>(scale.size())};
  return {context.build.constant(Literal::of<float>(dims, a), node.name + "_scale"),
          context.build.constant(Literal::of<float>(dims, b), node.name + "_shift")};
}

Result<Affine> computed_affine(ImportContext& context, Value* scale, Value* bias, Value* mean, Value* variance,
                               double epsilon) {
  Affine affine;
  TEGULA_ASSIGN_OR_RETURN(Value* const raised, with_scalar(context, Function::k_add, variance, epsilon));
  TEGULA_ASSIGN_OR_RETURN(Value* const deviation, context.build.function(Function::k_sqrt, {raised}));
  TEGULA_ASSIGN_OR_RETURN(affine.a, context.build.function(Function::k_div, {scale, deviation}));
  TEGULA_ASSIGN_OR_RETURN(Value* const shift, context.build.function(Function::k_mul, {mean, affine.a}));
  TEGULA_ASSIGN_OR_RETURN(affine.b, context.build.function(Function::k_sub, {bias, shift}));
  return affine;
}

Result<Value*> apply(ImportContext& context, Value* x, const Affine& affine) {
  TEGULA_ASSIGN_OR_RETURN(Value* const a, aligned_to_axis(context, affine.a, 1, x->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value* const b, aligned_to_axis(context, affine.b, 1, x->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value* const scaled, context.build.function(Function::k_mul, {x, a}));
  return context.build.function(Function::k_add, {scaled, b});
}

/// running * momentum + current * (1 - momentum)
Result<Value*> blend(ImportContext& context, Value* running, Value* current, double momentum) {
  TEGULA_ASSIGN_OR_RETURN(Value* const kept, with_scalar(context, Function::k_mul, running, momentum));
  TEGULA_ASSIGN_OR_RETURN(Value* const added, with_scalar(context, Function::k_mul, current, 1 - momentum));
  return context.build.function(Function::k_add, {kept, added});
}

/// Y, running mean, running variance.
Result<ImportedValues> training(ImportContext& context, const OnnxNode& node, double epsilon) {
  Value* const x = node.inputs[0];
  std::vector<int64_t> axes = {0};
  for (int64_t axis = 2; axis < x->rank(); ++axis) axes.push_back(axis);
  const auto mean_of = [&](Value* value) -> Result<Value*> {
    return context.build.add("reduce", {value},
                             {{"kind", std::string("mean")}, {"axes", axes}, {"keepdims", int64_t{0}}});
  };
  TEGULA_ASSIGN_OR_RETURN(Value* const mean, mean_of(x));
  TEGULA_ASSIGN_OR_RETURN(Value* const aligned, aligned_to_axis(context, mean, 1, x->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value* const squares, context.build.function(Function::k_squared_difference, {x, aligned}));
  TEGULA_ASSIGN_OR_RETURN(Value* const variance, mean_of(squares));
  TEGULA_ASSIGN_OR_RETURN(const Affine affine,
                          computed_affine(context, node.inputs[1], node.inputs[2], mean, variance, epsilon));
  const double momentum = node.attributes.number("momentum", 0.9);
  ImportedValues outputs(3);
  TEGULA_ASSIGN_OR_RETURN(outputs[0], apply(context, x, affine));
  TEGULA_ASSIGN_OR_RETURN(outputs[1], blend(context, node.inputs[3], mean, momentum));
  TEGULA_ASSIGN_OR_RETURN(outputs[2], blend(context, node.inputs[4], variance, momentum));
  return outputs;
}

}  // namespace

Result<ImportedValues> import_batch_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 5, 5));
  Value* const x = node.inputs[0];
  if (x->rank() < 2) return node.invalid(concat("an input of shape ", to_string(x->shape), " has no channels"));
  if (node.attributes.integer("spatial", 1) == 0) return node.unsupported("spatial=0 is not supported");
  bool constant = true;
  for (std::size_t i = 1; i < 5; ++i) {
    if (node.inputs[i]->shape.size() != 1 || node.inputs[i]->shape != node.inputs[1]->shape)
      return node.invalid(concat("input ", i, " has the shape ", to_string(node.inputs[i]->shape)));
    constant &= node.inputs[i]->is_constant();
  }
  const double epsilon = node.attributes.number("epsilon", 1e-5);
  if (node.version >= 14 && node.attributes.flag("training_mode")) return training(context, node, epsilon);
  Affine affine;
  if (constant && x->dtype == DType::kF32) {
    affine = constant_affine(context, node, epsilon);
  } else {
    TEGULA_ASSIGN_OR_RETURN(
        affine, computed_affine(context, node.inputs[1], node.inputs[2], node.inputs[3], node.inputs[4], epsilon));
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, apply(context, x, affine));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
