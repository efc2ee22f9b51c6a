#pragma once
#include "kernels/math/log.h"

// sinh, cosh and the inverse hyperbolic functions. F is one of the lane types of scalar.h and recorded.h.
namespace tegula::kernels::math {

/// e^x / 2 for x >= 0, which overflows only where cosh does.
template <typename F>
F half_exp_of_nonnegative(F x) {
  const ExpParts<F> e = exp_parts(min_or_second(F(90.0f), x));
  return scale(e.mantissa, e.exponent - F(1.0f));
}

/// cosh(x) = h + 1 / (4h), h = e^|x| / 2: within 3 ulp.
template <typename F>
F cosh(F x) {
  const F h = half_exp_of_nonnegative(absolute(x));
  return h + F(0.25f) / h;
}

/// sinh(x), within 4 ulp: a polynomial below 1, h - 1 / (4h) above.
template <typename F>
F sinh(F x) {
  const F a = absolute(x), z = x * x;
  F p = fma(F(0x1.7a15b6p-19f), z, F(0x1.9ffe92p-13f));
  p = fma(p, z, F(0x1.111134p-7f));
  p = fma(p, z, F(0x1.555556p-3f));
  const F small = fma(z * x, p, x);
  const F h = half_exp_of_nonnegative(a);
  const F large = with_sign_flipped(h - F(0.25f) / h, sign_bit(x));
  return select(less(a, F(1.0f)), small, large);
}

/// From here on x^2 + 1 rounds to x^2 and ln(1 + x) to ln x.
inline constexpr float kHugeArgument = 0x1p28f;

/// asinh(x) = sign(x) ln(|x| + sqrt(x^2 + 1)), within 4 ulp.
template <typename F>
F asinh(F x) {
  const F a = absolute(x);
  const auto is_huge = greater(a, F(kHugeArgument));
  const F excess = a * (a / (F(1.0f) + square_root(fma(a, a, F(1.0f)))));
  const F y = log_of_1_plus(select(is_huge, a, a + excess));
  return with_sign_flipped(select(is_huge, y + F(kLn2), y), sign_bit(x));
}

/// acosh(x) = ln(x + sqrt(x^2 - 1)), within 4 ulp; NaN below 1.
template <typename F>
F acosh(F x) {
  const F t = x - F(1.0f);
  const auto is_huge = greater(x, F(kHugeArgument));
  const F y = log_of_1_plus(select(is_huge, x, t + square_root(fma(t, t, t + t))));
  return select(is_huge, y + F(kLn2), y);
}

/// atanh(x) = ln((1 + x) / (1 - x)) / 2, within 4 ulp; infinite at 1, NaN beyond.
template <typename F>
F atanh(F x) {
  const F a = absolute(x);
  const F y = F(0.5f) * log_of_1_plus((a + a) / (F(1.0f) - a));
  return with_sign_flipped(y, sign_bit(x));
}

}  // namespace tegula::kernels::math
