#pragma once
#include <limits>

#include "kernels/math/sign.h"

// e^x and what is built from it. F is one of the lane types of scalar.h and recorded.h.
namespace tegula::kernels::math {

inline constexpr float kLog2E = 0x1.715476p+0f;
inline constexpr float kLn2High = 0x1.62e43p-1f;
inline constexpr float kLn2Low = -0x1.05c61p-29f;
inline constexpr float kLn2 = kLn2High;
/// Added and subtracted, it leaves |x| < 2^22 rounded to an integer (ties to even).
inline constexpr float kRoundingMagic = 0x1.8p23f;
/// Beyond these e^x is infinity, or rounds to 0; at them it still can be computed.
inline constexpr float kExpHigh = 89.0f, kExpLow = -104.0f;

/// e^x = mantissa * 2^exponent, mantissa in [0.70, 1.42].
template <typename F>
struct ExpParts {
  F mantissa, exponent;
};

/// Both parts for x in [kExpLow, kExpHigh] or NaN; `sign` is 1 or -1: of e^(sign * x).
/// x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), q minimax of degree 3: within 1.8 * 2^-24.
template <typename F>
ExpParts<F> exp_parts(F x, float sign = 1.0f) {
  const F n = fma(x, F(sign * kLog2E), F(kRoundingMagic)) - F(kRoundingMagic);
  F r = fma(n, F(-sign * kLn2High), x);
  r = fma(n, F(-sign * kLn2Low), r);  // sign * r is the reduced argument
  F p = fma(F(sign * 0x1.10627ep-7f), r, F(0x1.572a08p-5f));
  p = fma(p, r, F(sign * 0x1.5557aep-3f));
  p = fma(p, r, F(0x1.fffdfcp-2f));
  p = fma(p, r, F(sign));
  p = fma(p, r, F(1.0f));
  return {p, n};
}

/// e^x, within 3 ulp; denormal results too; 0 below -103.98, infinity above 88.73.
template <typename F>
F exp(F x) {
  const ExpParts<F> e = exp_parts(max_or_second(F(kExpLow), min_or_second(F(kExpHigh), x)));
  return scale(e.mantissa, e.exponent);
}

/// e^-x, likewise.
template <typename F>
F exp_of_negative(F x) {
  const ExpParts<F> e = exp_parts(max_or_second(F(-kExpHigh), min_or_second(F(-kExpLow), x)), -1.0f);
  return scale(e.mantissa, e.exponent);
}

/// e^x for x <= 0 or NaN: what a softmax needs. Equal to exp(x) there.
template <typename F>
F exp_of_nonpositive(F x) {
  const ExpParts<F> e = exp_parts(max_or_second(F(kExpLow), x));
  return scale(e.mantissa, e.exponent);
}

/// e^x - 1, within 3 ulp, also near 0: 2^n (e^r - 1) + (2^n - 1).
template <typename F>
F exp_minus_1(F x) {
  constexpr float kLow = -20.0f;  // e^-20 is below half an ulp of 1
  const F bounded = max_or_second(F(kLow), min_or_second(F(kExpHigh), x));
  const F n = fma(bounded, F(kLog2E), F(kRoundingMagic)) - F(kRoundingMagic);
  F r = fma(n, F(-kLn2High), bounded);
  r = fma(n, F(-kLn2Low), r);
  F q = fma(F(0x1.6bec02p-10f), r, F(0x1.122776p-7f));
  q = fma(q, r, F(0x1.555674p-5f));
  q = fma(q, r, F(0x1.5554b0p-3f));
  q = fma(q, r, F(0x1.fffffep-2f));
  const F reduced = fma(r * r, q, r);
  // With n = 128 the power alone would overflow before the result does: both halves carry 2^(n-1).
  const F half_power = scale(F(0.5f), n);
  const F half = fma(half_power, reduced, half_power - F(0.5f));
  return select(equal(x, F(0.0f)), x, half + half);  // keeps -0
}

/// 1 / (1 + e^-x), within 4 ulp while the result is normal (x > -87.3); 0 below about -88.7.
template <typename F>
F sigmoid(F x) {
  return F(1.0f) / (F(1.0f) + exp_of_negative(x));
}

/// x / (1 + e^-u)
template <typename F>
F silu_of(F x, F u) {
  return x / (F(1.0f) + exp_of_negative(u));
}

/// x / (1 + e^-x), within 4 ulp for x > -87.
template <typename F>
F silu(F x) {
  return silu_of(x, x);
}

}  // namespace tegula::kernels::math
