#pragma once
#include "kernels/math/exp.h"

// sin, cos, tan and their inverses. F is one of the lane types of scalar.h and recorded.h.
//
// Arguments are reduced by multiples of pi (or pi/2) in three pieces, each subtracted with one fma: good
// for |x| up to 2^17 = 131072 at the stated bounds. Beyond, results stay in [-1, 1] (sin, cos) but lose
// accuracy; from 2^22 on they mean nothing. Infinite arguments give NaN.
namespace tegula::kernels::math {

inline constexpr float kPi1 = 0x1.921fb6p+1f, kPi2 = -0x1.777a5cp-24f, kPi3 = -0x1.ee59dap-49f;

/// x - n * pi * part, part a power of two.
template <typename F>
F without_multiple_of_pi(F x, F n, float part) {
  F r = fma(n, F(-part * kPi1), x);
  r = fma(n, F(-part * kPi2), r);
  return fma(n, F(-part * kPi3), r);
}

/// sin(r) for |r| <= pi/2 and the error of the reduction beyond it; from the bound on sin of the bound.
template <typename F>
F sin_of_reduced(F r) {
  constexpr float kBound = 1.75f;
  const F t = max_or_second(F(-kBound), min_or_second(F(kBound), r));
  const F z = t * t;
  F p = fma(F(0x1.5d56b0p-19f), z, F(-0x1.9f6908p-13f));
  p = fma(p, z, F(0x1.110eb0p-7f));
  p = fma(p, z, F(-0x1.55554cp-3f));
  return fma(z * t, p, t);
}

/// The sign bit where n is odd.
template <typename F>
typename F::Int sign_of_parity(F n) {
  return shift_left(round_to_int(n), 31);
}

/// sin(x), within 3 ulp for |x| <= 2^17.
template <typename F>
F sin(F x) {
  const F n = round_to_even(x * F(0x1.45f306p-2f));  // 1/pi
  return with_sign_flipped(sin_of_reduced(without_multiple_of_pi(x, n, 1.0f)), sign_of_parity(n));
}

/// cos(x) = sin(x + pi/2), within 3 ulp for |x| <= 2^17.
template <typename F>
F cos(F x) {
  using I = typename F::Int;
  const F n = round_to_even(fma(x, F(0x1.45f306p-2f), F(-0.5f)));
  const F r = without_multiple_of_pi(x, n + F(0.5f), 1.0f);  // x - n pi - pi/2; cos x = -sin r for even n
  return with_sign_flipped(sin_of_reduced(r), sign_of_parity(n) ^ I(kSignBit));
}

/// tan(x), within 4 ulp for |x| <= 2^17.
template <typename F>
F tan(F x) {
  const F n = round_to_even(x * F(0x1.45f306p-1f));  // 2/pi
  const F r = without_multiple_of_pi(x, n, 0.5f);
  const F z = r * r;
  F p = fma(F(0x1.6c9dd0p-19f), z, F(-0x1.a00ea2p-13f));
  p = fma(p, z, F(0x1.111108p-7f));
  p = fma(p, z, F(-0x1.555556p-3f));
  const F sine = fma(z * r, p, r);
  F q = fma(F(0x1.99ab0ep-16f), z, F(-0x1.6c0b52p-10f));
  q = fma(q, z, F(0x1.555548p-5f));
  q = fma(q, z, F(-0.5f));
  const F cosine = fma(q, z, F(1.0f));
  const auto sign = sign_of_parity(n);
  const auto is_odd = equal(sign, typename F::Int(kSignBit));
  return with_sign_flipped(select(is_odd, cosine, sine) / select(is_odd, sine, cosine), sign);
}

/// atan(x), within 3 ulp: atan |x| = pi/2 - atan(1 / |x|) above 1.
template <typename F>
F atan(F x) {
  const F a = absolute(x);
  const auto is_large = greater(a, F(1.0f));
  const F t = select(is_large, F(1.0f) / a, a), z = t * t;
  F p = fma(F(0x1.7ed09ep-9f), z, F(-0x1.0c2b4ap-6f));
  p = fma(p, z, F(0x1.61fd38p-5f));
  p = fma(p, z, F(-0x1.355672p-4f));
  p = fma(p, z, F(0x1.b4e10cp-4f));
  p = fma(p, z, F(-0x1.230ad8p-3f));
  p = fma(p, z, F(0x1.9978f4p-3f));
  p = fma(p, z, F(-0x1.5554dcp-2f));
  const F y = fma(z * t, p, t);
  const F complement = F(0.5f * kPi1) - (y - F(0.5f * kPi2));
  return with_sign_flipped(select(is_large, complement, y), sign_bit(x));
}

/// asin(x) = atan(x / sqrt(1 - x^2)), within 4 ulp; NaN outside [-1, 1].
template <typename F>
F asin(F x) {
  return atan(x / square_root((F(1.0f) - x) * (F(1.0f) + x)));
}

/// acos(x) = 2 atan(sqrt((1 - x) / (1 + x))), within 4 ulp; NaN outside [-1, 1].
template <typename F>
F acos(F x) {
  const F half = atan(square_root((F(1.0f) - x) / (F(1.0f) + x)));
  return half + half;
}

}  // namespace tegula::kernels::math
