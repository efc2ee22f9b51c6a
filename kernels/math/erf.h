#pragma once
#include "kernels/math/exp.h"

// erf, tanh and the two GELUs: odd functions as x * P(x^2) / Q(x^2) with the argument clamped to where the
// result rounds to 1. All coefficients are positive, so that nothing cancels. F is one of the lane
// types of scalar.h and recorded.h.
namespace tegula::kernels::math {

/// x in [-limit, limit]; NaN stays.
template <typename F>
F clamped(F x, float limit) {
  return max_or_second(F(-limit), min_or_second(F(limit), x));
}

/// erf(x), within 6 ulp, in [-1, 1].
template <typename F>
F erf(F x) {
  const F t = clamped(x, 3.925f);
  const F z = t * t;
  F p = fma(F(0x1.1c1afcp-19f), z, F(0x1.2bb5c4p-12f));
  p = fma(p, z, F(0x1.dff4dap-9f));
  p = fma(p, z, F(0x1.ada034p-5f));
  p = fma(p, z, F(0x1.801f58p-3f));
  p = fma(p, z, F(0x1.20dd74p+0f));
  F q = fma(F(0x1.45b3bap-15f), z, F(0x1.2bb6d4p-10f));
  q = fma(q, z, F(0x1.e3ac7ep-7f));
  q = fma(q, z, F(0x1.ced6e4p-4f));
  q = fma(q, z, F(0x1.ff8af0p-2f));
  q = fma(q, z, F(1.0f));
  return clamped(t * p / q, 1.0f);
}

/// tanh(x), within 6 ulp, in [-1, 1].
template <typename F>
F tanh(F x) {
  const F t = clamped(x, 9.0f);
  const F z = t * t;
  F p = fma(F(0x1.cadd10p-27f), z, F(0x1.59c36cp-16f));
  p = fma(p, z, F(0x1.ca2c84p-9f));
  p = fma(p, z, F(0x1.120b1ep-3f));
  p = fma(p, z, F(1.0f));
  F q = fma(F(0x1.a1805ap-21f), z, F(0x1.588626p-12f));
  q = fma(q, z, F(0x1.a7f7f4p-6f));
  q = fma(q, z, F(0x1.de5ad8p-2f));
  q = fma(q, z, F(1.0f));
  return clamped(t * p / q, 1.0f);
}

/// x/2 * (1 + erf(x / sqrt 2)) = max(0, x) - |x|/2 * erfc(|x| / sqrt 2): within 14 ulp for x > -3, 50 ulp down
/// to -5.5; below, both are under 1e-7. The erfc is 2^q(|x|), q minimax of degree 10 on [0, 5.5], weighted so that
/// the error grows with q; beyond, q falls a little faster than it should.
template <typename F>
F gelu_erf(F x) {
  const F a = min_or_second(absolute(x), F(12.0f));  // of a NaN only max(0, x) knows
  F q = fma(F(-0x1.a33056p-26f), a, F(0x1.8b90e0p-21f));
  q = fma(q, a, F(-0x1.414280p-17f));
  q = fma(q, a, F(0x1.1cc29ep-14f));
  q = fma(q, a, F(-0x1.04eec4p-12f));
  q = fma(q, a, F(-0x1.14f97ap-14f));
  q = fma(q, a, F(0x1.cca81ep-8f));
  q = fma(q, a, F(-0x1.ae0d88p-5f));
  q = fma(q, a, F(-0x1.d63962p-2f));
  q = fma(q, a, F(-0x1.26aee2p+0f));
  const F exponent = q * a;
  const F n = (exponent + F(kRoundingMagic)) - F(kRoundingMagic);
  const F f = exponent - n;
  F p = fma(F(0x1.41fba0p-13f), f, F(0x1.5f3e80p-10f));
  p = fma(p, f, F(0x1.3b2d4ep-7f));
  p = fma(p, f, F(0x1.c6aee8p-5f));
  p = fma(p, f, F(0x1.ebfbdcp-3f));
  p = fma(p, f, F(0x1.62e430p-1f));
  const F erfc = scale(fma(p, f, F(1.0f)), n);
  return fnma(a * F(0.5f), erfc, max_or_second(F(0.0f), x));
}

/// x/2 * (1 + tanh(u)) = x / (1 + e^-2u), u = sqrt(2/pi) * (x + 0.044715 x^3): within 14 ulp for x > -3, 90 ulp
/// down to -8; below, both are under 1e-20.
template <typename F>
F gelu_tanh(F x) {
  constexpr float kTwiceSqrt2OverPi = 0x1.988454p+0f;
  const F twice_u = x * fma(x * x, F(0.044715f * kTwiceSqrt2OverPi), F(kTwiceSqrt2OverPi));
  return silu_of(x, twice_u);
}

}  // namespace tegula::kernels::math
