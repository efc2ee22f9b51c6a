#pragma once
#include "kernels/math/log.h"

// x ^ y. F is one of the lane types of scalar.h and recorded.h.
namespace tegula::kernels::math {

/// A value as the unevaluated sum of two floats, the second below half an ulp of the first.
template <typename F>
struct DoubleFloat {
  F high, low;
};

/// log2 of a positive, finite x, to about 2^-30 relative: 2 log2(e) atanh(s), s = (m - 1) / (m + 1).
template <typename F>
DoubleFloat<F> log2_in_two(F x) {
  const auto is_tiny = less(x, F(std::numeric_limits<float>::min()));
  LogParts<F> parts = log_parts(select(is_tiny, x * F(0x1p25f), x));
  const F e = select(is_tiny, parts.exponent - F(25.0f), parts.exponent);
  const F f = parts.fraction;
  const F u = f + F(2.0f), u_low = f - (u - F(2.0f));
  const F s = f / u;
  const F s_low = fnma(s, u_low, fnma(s, u, f)) / u;
  const F z = s * s;
  F tail = fma(F(0x1.e340c0p-4f), z, F(0x1.2436fep-3f));
  tail = fma(tail, z, F(0x1.999a82p-3f));
  tail = fma(tail, z, F(0x1.555554p-2f));
  tail = fma(tail * z, s, fma(s_low, z, s_low));  // atanh(s + s_low) - s; atanh' = 1 / (1 - s^2)
  constexpr float kScaleHigh = 0x1.715476p+1f, kScaleLow = 0x1.4ae0c0p-25f;  // 2 log2(e)
  const F p = s * F(kScaleHigh);
  const F p_low = fma(s, F(kScaleLow), fma(tail, F(kScaleHigh), fma(s, F(kScaleHigh), negated(p))));
  const F high = e + p, low = ((e - high) + p) + p_low;
  const F sum = high + low;
  return {sum, (high - sum) + low};
}

/// 2^(high + low), 0 or infinity where that is beyond fp32.
template <typename F>
F exp2_of_two(F high, F low) {
  constexpr float kLimit = 160.0f;
  const F bounded = max_or_second(F(-kLimit), min_or_second(F(kLimit), high));
  const F n = round_to_even(bounded);
  const F r = (bounded - n) + select(equal(bounded, high), low, F(0.0f));
  F p = fma(F(0x1.41fba0p-13f), r, F(0x1.5f3e80p-10f));
  p = fma(p, r, F(0x1.3b2d4ep-7f));
  p = fma(p, r, F(0x1.c6aee8p-5f));
  p = fma(p, r, F(0x1.ebfbdcp-3f));
  p = fma(p, r, F(0x1.62e430p-1f));
  return scale(fma(p, r, F(1.0f)), n);
}

/// x ^ y, within 4 ulp, with IEEE 754's special cases: x^0 = 1^y = 1 even for NaN; a negative x with a
/// fractional y is NaN; zeros and infinities keep the sign of x for odd y.
template <typename F>
F pow(F x, F y) {
  using I = typename F::Int;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const F a = absolute(x);
  const DoubleFloat<F> l = log2_in_two(a);
  const auto a_is_zero = equal(a, F(0.0f));
  const auto a_is_special = a_is_zero | ~less(a, F(kInfinity));  // zero, infinity or NaN
  F high = select(a_is_special, a, l.high);
  high = select(a_is_zero, F(-kInfinity), high);
  const F z = y * high;
  const auto product_is_plain = less(absolute(z), F(kInfinity)) & ~a_is_special;
  const F z_low = select(product_is_plain, fma(y, l.low, fma(y, high, negated(z))), F(0.0f));
  F result = exp2_of_two(z, z_low);
  result = select(equal(a, F(1.0f)) & ~unordered(y, y), F(1.0f), result);

  const F half_y = y * F(0.5f);
  const auto y_is_whole = equal(round_down(y), y);
  const auto y_is_odd = y_is_whole & not_equal(round_down(half_y), half_y);
  result = select(y_is_odd, from_bits(bits_of(result) ^ (bits_of(x) & I(kSignBit))), result);
  const auto x_is_negative_number = less(x, F(0.0f)) & less(a, F(kInfinity));
  result =
      select(x_is_negative_number & ~y_is_whole & ~unordered(y, y), F(std::numeric_limits<float>::quiet_NaN()), result);
  return select(equal(y, F(0.0f)) | equal(x, F(1.0f)), F(1.0f), result);
}

}  // namespace tegula::kernels::math
