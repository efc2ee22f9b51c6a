#include <cmath>
#include <limits>

#include "kernels/eltwise/apply_block.h"
#include "kernels/math/apply.h"
#include "kernels/math/math.h"

namespace tegula::kernels {
namespace {

double floored_mod(double x, double y) {
  const double rest = std::fmod(x, y);
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

template <typename T>
T nan_min(T x, T y) {
  return std::isnan(x) || x < y ? x : y;
}
template <typename T>
T nan_max(T x, T y) {
  return std::isnan(x) || x > y ? x : y;
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double softplus(double x) {
  return std::fmax(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

double unary_f64(const FunctionInstruction& in, double x) {
  const double a = static_cast<double>(in.alpha), b = static_cast<double>(in.beta);
  switch (in.function) {
    case Function::k_identity: return x;
    case Function::k_abs: return std::fabs(x);
    case Function::k_neg: return -x;
    case Function::k_sign: return x > 0 ? 1 : x < 0 ? -1 : x;
    case Function::k_reciprocal: return 1 / x;
    case Function::k_sqrt: return std::sqrt(x);
    case Function::k_exp: return std::exp(x);
    case Function::k_log: return std::log(x);
    case Function::k_erf: return std::erf(x);
    case Function::k_floor: return std::floor(x);
    case Function::k_ceil: return std::ceil(x);
    case Function::k_round: return std::nearbyint(x);
    case Function::k_sin: return std::sin(x);
    case Function::k_cos: return std::cos(x);
    case Function::k_tan: return std::tan(x);
    case Function::k_asin: return std::asin(x);
    case Function::k_acos: return std::acos(x);
    case Function::k_atan: return std::atan(x);
    case Function::k_sinh: return std::sinh(x);
    case Function::k_cosh: return std::cosh(x);
    case Function::k_tanh: return std::tanh(x);
    case Function::k_asinh: return std::asinh(x);
    case Function::k_acosh: return std::acosh(x);
    case Function::k_atanh: return std::atanh(x);
    case Function::k_relu: return nan_max(x, 0.0);
    case Function::k_clip: return nan_min(nan_max(x, a), b);
    case Function::k_leaky_relu: return x < 0 ? a * x : x;
    case Function::k_elu: return x < 0 ? a * std::expm1(x) : x;
    case Function::k_selu: return x > 0 ? b * x : b * a * std::expm1(x);
    case Function::k_celu: return nan_max(x, 0.0) + nan_min(a * std::expm1(x / a), 0.0);
    case Function::k_sigmoid: return sigmoid(x);
    case Function::k_hard_sigmoid: return nan_max(nan_min(a * x + b, 1.0), 0.0);
    case Function::k_hard_swish: return x * nan_max(nan_min(x / 6 + 0.5, 1.0), 0.0);
    case Function::k_silu: return x * sigmoid(x);
    case Function::k_mish: return x * std::tanh(softplus(x));
    case Function::k_softplus: return std::isnan(x) ? x : softplus(x);
    case Function::k_softsign: return x / (1 + std::fabs(x));
    case Function::k_thresholded_relu: return x <= a ? 0 : x;
    case Function::k_shrink: return x < -a ? x + b : x > a ? x - b : std::isnan(x) ? x : 0;
    case Function::k_gelu_erf: return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case Function::k_gelu_tanh: {
      constexpr double kTwiceSqrt2OverPi = 1.5957691216057308;
      return x * sigmoid(kTwiceSqrt2OverPi * (x + 0.044715 * x * x * x));
    }
    case Function::k_affine: return std::fma(a, x, b);
    default: break;
  }
  TEGULA_CHECK(false, "types were checked");
  return x;
}

double binary_f64(Function function, double x, double y) {
  switch (function) {
    case Function::k_add: return x + y;
    case Function::k_sub: return x - y;
    case Function::k_mul: return x * y;
    case Function::k_div: return x / y;
    case Function::k_pow: return std::pow(x, y);
    case Function::k_mod: return floored_mod(x, y);
    case Function::k_fmod: return std::fmod(x, y);
    case Function::k_min: return nan_min(x, y);
    case Function::k_max: return nan_max(x, y);
    case Function::k_prelu: return x < 0 ? y * x : x;
    case Function::k_squared_difference: return (x - y) * (x - y);
    default: break;
  }
  TEGULA_CHECK(false, "types were checked");
  return x;
}

bool predicate_f64(const FunctionInstruction& in, double x, double y) {
  switch (in.function) {
    case Function::k_is_nan: return std::isnan(x);
    case Function::k_is_inf: return std::isinf(x) && (x > 0 ? in.alpha != 0 : in.beta != 0);
    case Function::k_equal: return x == y;
    case Function::k_less: return x < y;
    case Function::k_less_or_equal: return x <= y;
    case Function::k_greater: return x > y;
    case Function::k_greater_or_equal: return x >= y;
    default: break;
  }
  TEGULA_CHECK(false, "types were checked");
  return false;
}

}  // namespace

void apply_f32_block(const FunctionInstruction& in, const float* x, const float* y, std::byte* out, int64_t count) {
  auto* results = reinterpret_cast<float*>(out);
  switch (math::fp32_kind(in.function)) {
    case math::Fp32Kind::kUnary:
      for (int64_t i = 0; i < count; ++i) results[i] = math::apply(in.function, x[i], in.alpha, in.beta);
      return;
    case math::Fp32Kind::kBinary:
      for (int64_t i = 0; i < count; ++i) results[i] = math::apply(in.function, x[i], y[i]);
      return;
    case math::Fp32Kind::kPredicate: {
      const bool has_y = arity_of(in.function) == 2;
      for (int64_t i = 0; i < count; ++i)
        out[i] = std::byte{math::apply_predicate(in.function, x[i], has_y ? y[i] : 0.0f, in.alpha, in.beta)};
      return;
    }
    case math::Fp32Kind::kNone: break;
  }
  TEGULA_CHECK(false, "types were checked");
}

void apply_f64_block(const FunctionInstruction& in, const double* x, const double* y, std::byte* out, int64_t count) {
  auto* results = reinterpret_cast<double*>(out);
  const int arity = arity_of(in.function);
  if (returns_bool(in.function)) {
    for (int64_t i = 0; i < count; ++i) out[i] = std::byte{predicate_f64(in, x[i], arity == 2 ? y[i] : 0)};
  } else if (arity == 2) {
    for (int64_t i = 0; i < count; ++i) results[i] = binary_f64(in.function, x[i], y[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) results[i] = unary_f64(in, x[i]);
  }
}

}  // namespace tegula::kernels
