#pragma once
#include <limits>

#include "kernels/math/exp.h"

// Logarithms. F is one of the lane types of scalar.h and recorded.h.
namespace tegula::kernels::math {

/// x = (1 + fraction) * 2^exponent with 1 + fraction in [sqrt 1/2, sqrt 2).
template <typename F>
struct LogParts {
  F fraction, exponent;
};

/// For positive, finite, normal x.
template <typename F>
LogParts<F> log_parts(F x) {
  using I = typename F::Int;
  constexpr int32_t kSqrtHalf = 0x3f3504f3;  // bits of sqrt(1/2)
  const I exponent = shift_right_signed(bits_of(x) - I(kSqrtHalf), 23);
  const F mantissa = from_bits(bits_of(x) - shift_left(exponent, 23));
  return {mantissa - F(1.0f), to_float(exponent)};
}

/// ln((1 + f) * 2^e) = e ln 2 + f - f^2/2 + f^3 p(f), p minimax of degree 6.
template <typename F>
F log_of_parts(const LogParts<F>& x) {
  const F f = x.fraction, f2 = f * f;
  F p = fma(F(0x1.645de2p-4f), f, F(-0x1.2432aap-3f));
  p = fma(p, f, F(0x1.31747p-3f));
  p = fma(p, f, F(-0x1.53824cp-3f));
  p = fma(p, f, F(0x1.98d7f0p-3f));
  p = fma(p, f, F(-0x1.000382p-2f));
  p = fma(p, f, F(0x1.5556d8p-2f));
  F low = p * (f2 * f);
  low = fma(x.exponent, F(kLn2Low), low);
  low = fnma(F(0.5f), f2, low);
  return fma(x.exponent, F(kLn2High), f + low);
}

/// ln x for positive, finite, normal x, within 2 ulp.
template <typename F>
F log_of_normal(F x) {
  return log_of_parts(log_parts(x));
}

/// ln x, within 2 ulp, denormals too; -infinity at 0, NaN below.
template <typename F>
F log(F x) {
  constexpr float kSmallestNormal = std::numeric_limits<float>::min();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto is_tiny = less(x, F(kSmallestNormal));
  LogParts<F> parts = log_parts(select(is_tiny, x * F(0x1p25f), x));
  parts.exponent = select(is_tiny, parts.exponent - F(25.0f), parts.exponent);
  F y = log_of_parts(parts);
  y = select(less(x, F(kInfinity)), y, x);  // infinity and NaN stay
  y = select(less(x, F(0.0f)), F(std::numeric_limits<float>::quiet_NaN()), y);
  return select(equal(x, F(0.0f)), F(-kInfinity), y);
}

/// ln(1 + x) for x >= 0 not above 2^100, within 2 ulp: the rounding error of 1 + x is added back.
template <typename F>
F log_of_1_plus_nonnegative(F x) {
  const F u = F(1.0f) + x;
  return log_of_normal(u) + (x - (u - F(1.0f))) / u;
}

/// ln(1 + x), within 3 ulp; -infinity at -1, NaN below.
template <typename F>
F log_of_1_plus(F x) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const F u = F(1.0f) + x;
  const F error = x - (u - F(1.0f));
  const F y = log(u);
  const auto is_ordinary = less(absolute(x), F(kInfinity)) & greater(u, F(0.0f));
  return select(is_ordinary, y + error / u, y);
}

/// ln(1 + e^x) = max(0, x) + ln(1 + e^-|x|), within 3 ulp while the result is normal.
template <typename F>
F softplus(F x) {
  return max_or_second(F(0.0f), x) + log_of_1_plus_nonnegative(exp_of_negative(absolute(x)));
}

/// x * tanh(ln(1 + e^x)); with w = e^x the tanh is (w^2 + 2w) / (w^2 + 2w + 2). Within 5 ulp for x > -87.
template <typename F>
F mish(F x) {
  constexpr float kOneFromHere = 20.0f;  // the fraction rounds to 1
  const F w = exp(min_or_second(F(kOneFromHere), x));
  const F v = fma(w, w, w + w);
  return x * (v / (v + F(2.0f)));
}

}  // namespace tegula::kernels::math
