#pragma once
#include <limits>

#include "kernels/math/activations.h"
#include "kernels/math/erf.h"
#include "kernels/math/hyperbolic.h"
#include "kernels/math/log.h"
#include "kernels/math/modulus.h"
#include "kernels/math/pow.h"
#include "kernels/math/trigonometric.h"
#include "schema/base/check.h"
#include "schema/function.h"

// schema/functions.inc for fp32 operands: which formula of this folder each function is. F is one of the lane
// types of scalar.h and recorded.h; both get the same operations, hence the same bits.
namespace tegula::kernels::math {

/// What fp32 operands make of a function.
enum class Fp32Kind {
  kNone,       ///< no function of fp32 that generated code has (logical and bitwise ones, cast, where, to and from
              ///< quantized numbers)
  kUnary,      ///< apply_unary
  kBinary,     ///< apply_binary
  kPredicate,  ///< apply_predicate: the result is a mask
};

constexpr Fp32Kind fp32_kind(Function function) {
  switch (function) {
    case Function::k_cast:
    case Function::k_logical_not:
    case Function::k_bitwise_not:
    case Function::k_logical_and:
    case Function::k_logical_or:
    case Function::k_logical_xor:
    case Function::k_bitwise_and:
    case Function::k_bitwise_or:
    case Function::k_bitwise_xor:
    case Function::k_shift_left:
    case Function::k_shift_right:
    case Function::k_quantize:
    case Function::k_requantize:
    case Function::k_dequantize:
    case Function::k_quantize_by:
    case Function::k_dequantize_by:
    case Function::k_where: return Fp32Kind::kNone;
    case Function::k_is_nan:
    case Function::k_is_inf:
    case Function::k_equal:
    case Function::k_less:
    case Function::k_less_or_equal:
    case Function::k_greater:
    case Function::k_greater_or_equal: return Fp32Kind::kPredicate;
    case Function::k_add:
    case Function::k_sub:
    case Function::k_mul:
    case Function::k_div:
    case Function::k_pow:
    case Function::k_mod:
    case Function::k_fmod:
    case Function::k_min:
    case Function::k_max:
    case Function::k_prelu:
    case Function::k_squared_difference: return Fp32Kind::kBinary;
    default: return Fp32Kind::kUnary;
  }
}

template <typename F>
F apply_unary(Function function, F x, float alpha, float beta) {
  switch (function) {
    case Function::k_identity: return x;
    case Function::k_abs: return absolute(x);
    case Function::k_neg: return negated(x);
    case Function::k_sign: return sign(x);
    case Function::k_reciprocal: return F(1.0f) / x;
    case Function::k_sqrt: return square_root(x);
    case Function::k_exp: return exp(x);
    case Function::k_log: return log(x);
    case Function::k_erf: return erf(x);
    case Function::k_floor: return round_down(x);
    case Function::k_ceil: return round_up(x);
    case Function::k_round: return round_to_even(x);
    case Function::k_sin: return sin(x);
    case Function::k_cos: return cos(x);
    case Function::k_tan: return tan(x);
    case Function::k_asin: return asin(x);
    case Function::k_acos: return acos(x);
    case Function::k_atan: return atan(x);
    case Function::k_sinh: return sinh(x);
    case Function::k_cosh: return cosh(x);
    case Function::k_tanh: return tanh(x);
    case Function::k_asinh: return asinh(x);
    case Function::k_acosh: return acosh(x);
    case Function::k_atanh: return atanh(x);
    case Function::k_relu: return relu(x);
    case Function::k_clip: return clip(x, alpha, beta);
    case Function::k_leaky_relu: return leaky_relu(x, alpha);
    case Function::k_elu: return elu(x, alpha);
    case Function::k_selu: return selu(x, alpha, beta);
    case Function::k_celu: return celu(x, alpha);
    case Function::k_sigmoid: return sigmoid(x);
    case Function::k_hard_sigmoid: return hard_sigmoid(x, alpha, beta);
    case Function::k_hard_swish: return hard_swish(x);
    case Function::k_silu: return silu(x);
    case Function::k_mish: return mish(x);
    case Function::k_softplus: return softplus(x);
    case Function::k_softsign: return softsign(x);
    case Function::k_thresholded_relu: return thresholded_relu(x, alpha);
    case Function::k_shrink: return shrink(x, alpha, beta);
    case Function::k_gelu_erf: return gelu_erf(x);
    case Function::k_gelu_tanh: return gelu_tanh(x);
    case Function::k_affine: return fma(x, F(alpha), F(beta));
    default: break;
  }
  TEGULA_CHECK(false, "asked for a function that is no unary function of fp32");
  return x;
}

template <typename F>
F apply_binary(Function function, F x, F y) {
  switch (function) {
    case Function::k_add: return x + y;
    case Function::k_sub: return x - y;
    case Function::k_mul: return x * y;
    case Function::k_div: return x / y;
    case Function::k_pow: return pow(x, y);
    case Function::k_mod: return floored_modulus(x, y);
    case Function::k_fmod: return truncated_modulus(x, y);
    case Function::k_min: return min_with_nan(x, y);
    case Function::k_max: return max_with_nan(x, y);
    case Function::k_prelu: return prelu(x, y);
    case Function::k_squared_difference: {
      const F difference = x - y;
      return difference * difference;
    }
    default: break;
  }
  TEGULA_CHECK(false, "asked for a function that is no binary function of fp32");
  return x;
}

/// y is not read by is_nan and is_inf.
template <typename F>
typename F::Mask apply_predicate(Function function, F x, F y, float alpha, float beta) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (function) {
    case Function::k_is_nan: return unordered(x, x);
    case Function::k_is_inf:
      if (alpha != 0 && beta != 0) return equal(absolute(x), F(kInfinity));
      if (alpha != 0) return equal(x, F(kInfinity));
      if (beta != 0) return equal(x, F(-kInfinity));
      return less(x, x);  // nothing counts
    case Function::k_equal: return equal(x, y);
    case Function::k_less: return less(x, y);
    case Function::k_less_or_equal: return less_or_equal(x, y);
    case Function::k_greater: return greater(x, y);
    case Function::k_greater_or_equal: return greater_or_equal(x, y);
    default: break;
  }
  TEGULA_CHECK(false, "asked for a function that is no predicate of fp32");
  return less(x, x);
}

}  // namespace tegula::kernels::math
