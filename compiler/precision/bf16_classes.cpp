#include "compiler/precision/bf16_classes.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

using enum Bf16Class;

/// An operation; `kind` is its attribute of that name, empty: any that has no row of its own.
struct OpRow {
  std::string_view op, kind;
  Bf16Default row;
};

constexpr Bf16Default kPlaces = {kClear, "only places elements"};
constexpr Bf16Default kDecides = {kDeny, "numbers that differ in fp32 are equal in bf16: its choice would change"};
constexpr Bf16Default kIntegers = {kClear, "its products are integers; only its result may be bf16"};
constexpr Bf16Default kLongSum = {kDeny, "a sum over many elements outgrows the 8 bits of a bf16 significand"};
constexpr Bf16Default kPositions = {kDeny, "computes positions, which bf16 holds exactly up to 256 only"};

constexpr OpRow kOps[] = {
    {"conv", "", {kAllow, "a product of bf16 with sums in fp32"}},
    {"matmul", "", {kAllow, "a product of bf16 with sums in fp32"}},
    {"weight_only_matmul", "", {kAllow, "a product of bf16 by dequantized weights with sums in fp32"}},
    {"attention", "", {kAllow, "products with scores and softmax in fp32"}},
    {"conv_transpose", "", {kAllow, "a product of bf16 with sums in fp32"}},

    {"layer_norm", "", {kInfer, "its statistics are fp32"}},
    {"group_norm", "", {kInfer, "its statistics are fp32"}},
    {"softmax", "", {kInfer, "computed in fp32 inside; results are at most 1"}},
    {"pool", "average", {kInfer, "its sums are fp32, only the average is rounded"}},
    {"reduce", "mean", {kInfer, "its sums are fp32, only the mean is rounded"}},
    {"resize", "", {kInfer, "averages of neighbours"}},

    {"reshape", "", kPlaces},
    {"transpose", "", kPlaces},
    {"slice", "", kPlaces},
    {"concat", "", kPlaces},
    {"expand", "", kPlaces},
    {"pad", "", kPlaces},
    {"gather", "", kPlaces},
    {"gather_elements", "", kPlaces},
    {"gather_nd", "", kPlaces},
    {"one_hot", "", kPlaces},
    {"trilu", "", kPlaces},
    {"reverse_sequence", "", kPlaces},
    {"pool", "max", {kClear, "chooses among its operands without rounding them"}},
    {"reduce", "max", {kClear, "chooses among its operands without rounding them"}},
    {"reduce", "min", {kClear, "chooses among its operands without rounding them"}},
    {"quantized_conv", "", kIntegers},
    {"quantized_matmul", "", kIntegers},

    {"reduce", "", kLongSum},
    {"cumsum", "", kLongSum},
    {"pool", "lp", {kDeny, "powers and roots of sums"}},
    {"scatter_elements", "", {kDeny, "adds to elements again and again"}},
    {"scatter_nd", "", {kDeny, "adds to elements again and again"}},
    {"recurrent", "", {kDeny, "its state would be rounded at every step of the sequence"}},
    {"dynamic_quantize", "", {kDeny, "the range of what it reads decides its scale"}},
    {"topk", "", kDecides},
    {"arg_reduce", "", kDecides},
    {"range", "", kPositions},
    {"materialize", "", kPositions},
};

struct FunctionRow {
  std::initializer_list<Function> functions;
  Bf16Default row;
};

using enum Function;

const FunctionRow kFunctions[] = {
    {{k_identity}, kPlaces},
    {{k_relu, k_clip,     k_leaky_relu,       k_elu,        k_selu,
      k_celu, k_sigmoid,  k_hard_sigmoid,     k_hard_swish, k_silu,
      k_mish, k_softplus, k_thresholded_relu, k_shrink,     k_softsign,
      k_tanh, k_gelu_erf, k_gelu_tanh,        k_erf,        k_prelu},
     {kInfer, "an activation: at most a small multiple of its operand, computed in fp32 inside"}},
    {{k_add, k_sub, k_mul, k_div, k_min, k_max, k_abs, k_neg, k_sign, k_affine, k_where},
     {kInfer, "one operation in fp32, rounded once"}},
    {{k_quantize, k_requantize, k_dequantize, k_quantize_by, k_dequantize_by},
     {kInfer, "between integers and real numbers, in fp32 inside"}},
    {{k_exp}, {kDeny, "outside of a fused softmax: what rounding adds to a large operand multiplies the result"}},
    {{k_log}, {kDeny, "outside of a fused softmax: near 1 rounding takes all digits of the result"}},
    {{k_pow}, {kDeny, "what rounding adds to the operand is multiplied by the exponent"}},
    {{k_sqrt, k_reciprocal, k_squared_difference},
     {kDeny, "part of variances and norms that are spelled out, which cancel"}},
    {{k_sin, k_cos, k_tan, k_asin, k_acos, k_atan, k_sinh, k_cosh, k_asinh, k_acosh, k_atanh},
     {kDeny, "its operands are angles or positions, whose rounding changes the result at random"}},
    {{k_floor, k_ceil, k_round, k_mod, k_fmod, k_cast},
     {kDeny, "makes integers or positions: rounding before it gives another integer"}},
    {{k_equal, k_less, k_less_or_equal, k_greater, k_greater_or_equal, k_is_nan, k_is_inf}, kDecides},
    {{k_logical_not, k_logical_and, k_logical_or, k_logical_xor, k_bitwise_not, k_bitwise_and, k_bitwise_or,
      k_bitwise_xor, k_shift_left, k_shift_right},
     {kDeny, "has no real operands"}},
};

/// How strict a class is where functions of several meet in a chain.
int strictness(Bf16Class bf16_class) {
  return bf16_class == kDeny ? 2 : bf16_class == kInfer ? 1 : 0;
}

}  // namespace

std::string_view name_of(Bf16Class bf16_class) {
  switch (bf16_class) {
    case kAllow: return "allow";
    case kInfer: return "infer";
    case kClear: return "clear";
    case kDeny: return "deny";
  }
  return "?";
}

Bf16Default default_bf16_class(Function function) {
  for (const FunctionRow& row : kFunctions)
    if (std::find(row.functions.begin(), row.functions.end(), function) != row.functions.end()) return row.row;
  return {kDeny, ""};
}

Bf16Default default_bf16_class(const Node& node) {
  if (node.op == &eltwise_op) {
    Bf16Default strictest = kPlaces;
    for (const FunctionInstruction& instruction : node.attributes.program("program").instructions) {
      const Bf16Default row = default_bf16_class(instruction.function);
      if (strictness(row.bf16_class) > strictness(strictest.bf16_class)) strictest = row;
    }
    return strictest;
  }
  const std::string kind = node.attributes.has("kind") ? node.attributes.text("kind") : "";
  const OpRow* found = nullptr;
  for (const OpRow& row : kOps)
    if (row.op == node.op->name && (row.kind == kind || (row.kind.empty() && found == nullptr))) found = &row;
  return found != nullptr ? found->row : Bf16Default{kDeny, ""};
}

}  // namespace tegula::compiler
