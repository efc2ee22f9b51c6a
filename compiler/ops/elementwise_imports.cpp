// ONNX operators that are one elementwise function, or a few: Abs ... Xor, Cast, CastLike, Clip, Mean, Pow, Swish,
// Gelu, and com.microsoft's Gelu, FastGelu, BiasGelu and QuickGelu.
//
// All broadcast as ONNX does since operator set 7, and by attributes in 6. Versions of an operator differ in the types
// that they allow, and where they differ in more (Clip, Cast) it is said below.
#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/importer/fold_value.h"
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

/// An attribute that a function's instruction holds as alpha or beta.
struct Parameter {
  std::string_view attribute;
  double absent = 0;
};

struct Row {
  std::string_view op_type;
  Function function;
  Parameter alpha, beta;
};

constexpr double kSeluAlpha = 1.67326319217681884765625, kSeluGamma = 1.05070102214813232421875;

constexpr Row kRows[] = {
    {"Abs", Function::k_abs, {}, {}},
    {"Acos", Function::k_acos, {}, {}},
    {"Acosh", Function::k_acosh, {}, {}},
    {"Add", Function::k_add, {}, {}},
    {"And", Function::k_logical_and, {}, {}},
    {"Asin", Function::k_asin, {}, {}},
    {"Asinh", Function::k_asinh, {}, {}},
    {"Atan", Function::k_atan, {}, {}},
    {"Atanh", Function::k_atanh, {}, {}},
    {"BitwiseAnd", Function::k_bitwise_and, {}, {}},
    {"BitwiseNot", Function::k_bitwise_not, {}, {}},
    {"BitwiseOr", Function::k_bitwise_or, {}, {}},
    {"BitwiseXor", Function::k_bitwise_xor, {}, {}},
    {"Ceil", Function::k_ceil, {}, {}},
    {"Celu", Function::k_celu, {"alpha", 1}, {}},
    {"Cos", Function::k_cos, {}, {}},
    {"Cosh", Function::k_cosh, {}, {}},
    {"Div", Function::k_div, {}, {}},
    {"Elu", Function::k_elu, {"alpha", 1}, {}},
    {"Equal", Function::k_equal, {}, {}},
    {"Erf", Function::k_erf, {}, {}},
    {"Exp", Function::k_exp, {}, {}},
    {"Floor", Function::k_floor, {}, {}},
    {"Greater", Function::k_greater, {}, {}},
    {"GreaterOrEqual", Function::k_greater_or_equal, {}, {}},
    {"HardSigmoid", Function::k_hard_sigmoid, {"alpha", 0.2}, {"beta", 0.5}},
    {"HardSwish", Function::k_hard_swish, {}, {}},
    {"IsInf", Function::k_is_inf, {"detect_positive", 1}, {"detect_negative", 1}},
    {"IsNaN", Function::k_is_nan, {}, {}},
    {"LeakyRelu", Function::k_leaky_relu, {"alpha", 0.01}, {}},
    {"Less", Function::k_less, {}, {}},
    {"LessOrEqual", Function::k_less_or_equal, {}, {}},
    {"Log", Function::k_log, {}, {}},
    {"Mish", Function::k_mish, {}, {}},
    {"Mul", Function::k_mul, {}, {}},
    {"Neg", Function::k_neg, {}, {}},
    {"Not", Function::k_logical_not, {}, {}},
    {"Or", Function::k_logical_or, {}, {}},
    {"PRelu", Function::k_prelu, {}, {}},
    {"Reciprocal", Function::k_reciprocal, {}, {}},
    {"Relu", Function::k_relu, {}, {}},
    {"Round", Function::k_round, {}, {}},
    {"Selu", Function::k_selu, {"alpha", kSeluAlpha}, {"gamma", kSeluGamma}},
    {"Shrink", Function::k_shrink, {"lambd", 0.5}, {"bias", 0}},
    {"Sigmoid", Function::k_sigmoid, {}, {}},
    {"Sign", Function::k_sign, {}, {}},
    {"Sin", Function::k_sin, {}, {}},
    {"Sinh", Function::k_sinh, {}, {}},
    {"Softplus", Function::k_softplus, {}, {}},
    {"Softsign", Function::k_softsign, {}, {}},
    {"Sqrt", Function::k_sqrt, {}, {}},
    {"Sub", Function::k_sub, {}, {}},
    {"Tan", Function::k_tan, {}, {}},
    {"Tanh", Function::k_tanh, {}, {}},
    {"ThresholdedRelu", Function::k_thresholded_relu, {"alpha", 1}, {}},
    {"Where", Function::k_where, {}, {}},
    {"Xor", Function::k_logical_xor, {}, {}},
};

float parameter(const OnnxNode& node, const Parameter& parameter) {
  if (parameter.attribute.empty()) return 0;
  return static_cast<float>(node.attributes.number(parameter.attribute, parameter.absent));
}

/// x * sigmoid(alpha * x)
Result<Value*> swish(ImportContext& context, Value* x, double alpha) {
  if (alpha == 1) return context.build.function(Function::k_silu, {x});
  TEGULA_ASSIGN_OR_RETURN(Value* const scaled, with_scalar(context, Function::k_mul, x, alpha));
  TEGULA_ASSIGN_OR_RETURN(Value* const gate, context.build.function(Function::k_sigmoid, {scaled}));
  return context.build.function(Function::k_mul, {x, gate});
}

/// What a bound of Clip is, when that is known now and no NaN; `absent` without one.
std::optional<float> number_of(const Value* bound, float absent) {
  if (bound == nullptr) return absent;
  const std::optional<Literal> literal = fold_value(*bound);
  if (!literal || literal->count() != 1) return std::nullopt;
  const float number = static_cast<float>(literal->to_doubles()[0]);
  return std::isnan(number) ? std::nullopt : std::optional(number);
}

/// The second operand as operator set 6 has it, for broadcasting as it is since: with `broadcast` its first dimension
/// lies at the first operand's dimension `axis` (absent: they end together); PRelu's slopes lie along the channels.
Result<Value*> old_second_operand(ImportContext& context, const OnnxNode& node) {
  const Value& x = *node.inputs[0];
  Value* const y = node.inputs[1];
  int64_t axis = x.rank() - y->rank();
  if (node.op_type == "PRelu" && y->rank() == 1 && !y->shape[0].is(1)) axis = std::min(1, x.rank() - 1);
  if (node.attributes.flag("broadcast") && node.attributes.has("axis")) axis = node.attributes.integer("axis");
  const int64_t after = x.rank() - axis - y->rank();
  if (axis < 0 || after <= 0) return y;
  Shape aligned = y->shape;
  aligned.resize(aligned.size() + static_cast<std::size_t>(after), Dim(1));
  return context.build.reshape(y, std::move(aligned));
}

}  // namespace

/// Every operator of the table above.
Result<ImportedValues> import_elementwise(ImportContext& context, const OnnxNode& node) {
  const auto row =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.op_type == node.op_type; });
  TEGULA_CHECK(row != std::end(kRows), "onnx_ops.inc names only operators of the table");
  const std::size_t operands = static_cast<std::size_t>(arity_of(row->function));
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, operands, operands));
  const float alpha = parameter(node, row->alpha), beta = parameter(node, row->beta);
  std::vector<Value*> inputs = node.inputs;
  if (node.version < 7 && operands == 2) {
    TEGULA_ASSIGN_OR_RETURN(inputs[1], old_second_operand(context, node));
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.function(row->function, std::move(inputs), alpha, beta));
  return ImportedValues{y};
}

/// Max, Min, Sum: any number of operands, folded from the left.
Result<ImportedValues> import_variadic(ImportContext& context, const OnnxNode& node) {
  const Function function = node.op_type == "Max"   ? Function::k_max
                            : node.op_type == "Min" ? Function::k_min
                                                    : Function::k_add;
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, std::max<std::size_t>(node.inputs.size(), 1), SIZE_MAX));
  Value* y = node.inputs[0];
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    TEGULA_ASSIGN_OR_RETURN(y, context.build.function(function, {y, node.inputs[i]}));
  }
  return ImportedValues{y};
}

/// The sum over the number of operands.
Result<ImportedValues> import_mean(ImportContext& context, const OnnxNode& node) {
  TEGULA_ASSIGN_OR_RETURN(const ImportedValues sum, import_variadic(context, node));
  if (node.inputs.size() == 1) return sum;
  TEGULA_ASSIGN_OR_RETURN(Value* const y,
                          with_scalar(context, Function::k_div, sum[0], static_cast<double>(node.inputs.size())));
  return ImportedValues{y};
}

/// Mod: the sign of the divisor, or with fmod = 1 that of the dividend.
Result<ImportedValues> import_mod(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  const bool fmod = node.attributes.flag("fmod");
  if (!fmod && is_float(node.inputs[0]->dtype)) return node.invalid("numbers of a floating type need fmod=1");
  TEGULA_ASSIGN_OR_RETURN(Value* const y,
                          context.build.function(fmod ? Function::k_fmod : Function::k_mod, node.inputs));
  return ImportedValues{y};
}

Result<ImportedValues> import_bit_shift(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  const std::string direction = node.attributes.text("direction");
  if (direction != "LEFT" && direction != "RIGHT")
    return node.invalid(concat("direction '", direction, "' is not LEFT or RIGHT"));
  TEGULA_ASSIGN_OR_RETURN(
      Value* const y,
      context.build.function(direction == "LEFT" ? Function::k_shift_left : Function::k_shift_right, node.inputs));
  return ImportedValues{y};
}

/// Pow: the result has the base's type. An integer base with a fractional exponent is computed in floating point.
Result<ImportedValues> import_pow(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  Value *x = node.inputs[0], *y = node.inputs[1];
  const DType type = x->dtype;
  if (is_integer(type) && is_float(y->dtype)) {
    TEGULA_ASSIGN_OR_RETURN(x, context.build.cast(x, y->dtype));
  }
  TEGULA_ASSIGN_OR_RETURN(y, context.build.cast(y, x->dtype));
  TEGULA_ASSIGN_OR_RETURN(Value* const power, context.build.function(Function::k_pow, {x, y}));
  TEGULA_ASSIGN_OR_RETURN(Value* const result, context.build.cast(power, type));
  return ImportedValues{result};
}

Result<ImportedValues> import_cast(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  if (!node.attributes.has("to")) return node.invalid("attribute 'to' is missing");
  TEGULA_ASSIGN_OR_RETURN(const DType to, node.dtype_attribute("to", DType::kF32));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.cast(node.inputs[0], to));
  return ImportedValues{y};
}

Result<ImportedValues> import_cast_like(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.cast(node.inputs[0], node.inputs[1]->dtype));
  return ImportedValues{y};
}

/// Clip: bounds are attributes (6), or optional inputs (11). When a bound is not a known number, or the type is not
/// f32, it is min(max(x, low), high).
Result<ImportedValues> import_clip(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 3));
  Value *x = node.inputs[0], *low = node.input(1), *high = node.input(2);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float alpha = -kInfinity, beta = kInfinity;
  if (node.version < 11) {
    alpha = static_cast<float>(node.attributes.number("min", -kInfinity));
    beta = static_cast<float>(node.attributes.number("max", kInfinity));
  }
  const auto low_number = number_of(low, alpha), high_number = number_of(high, beta);
  if (x->dtype == DType::kF32 && low_number && high_number) {
    TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.function(Function::k_clip, {x}, *low_number, *high_number));
    return ImportedValues{y};
  }
  if (low != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(x, context.build.function(Function::k_max, {x, low}));
  }
  if (high != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(x, context.build.function(Function::k_min, {x, high}));
  }
  return ImportedValues{x};
}

/// Swish: x * sigmoid(alpha * x), alpha 1 unless given.
Result<ImportedValues> import_swish(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, swish(context, node.inputs[0], node.attributes.number("alpha", 1)));
  return ImportedValues{y};
}

/// com.microsoft QuickGelu: the same with alpha 1.702 unless given.
Result<ImportedValues> import_quick_gelu(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, swish(context, node.inputs[0], node.attributes.number("alpha", 1.702)));
  return ImportedValues{y};
}

/// Gelu: approximate is "none" or "tanh".
Result<ImportedValues> import_gelu(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  const std::string approximate = node.attributes.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return node.invalid(concat("approximate '", approximate, "' is not known"));
  const Function function = approximate == "tanh" ? Function::k_gelu_tanh : Function::k_gelu_erf;
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.function(function, node.inputs));
  return ImportedValues{y};
}

/// com.microsoft FastGelu and BiasGelu: gelu(x + bias), by tanh or by erf; FastGelu's bias is optional.
Result<ImportedValues> import_bias_gelu(ImportContext& context, const OnnxNode& node) {
  const bool fast = node.op_type == "FastGelu";
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, fast ? 1 : 2, 2));
  Value* x = node.inputs[0];
  if (node.input(1) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(x, context.build.function(Function::k_add, {x, node.inputs[1]}));
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y,
                          context.build.function(fast ? Function::k_gelu_tanh : Function::k_gelu_erf, {x}));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
