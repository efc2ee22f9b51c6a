#pragma once
#include <cstdint>
#include <limits>

#include "kernels/math/sign.h"

// Remainders of a division: exact, the bits of std::fmod. F is one of the lane types of scalar.h and recorded.h.
namespace tegula::kernels::math {

/// A positive, finite number as mantissa * 2^exponent.
template <typename F>
struct Scaled {
  F mantissa;  ///< integral, in [2^23, 2^24)
  F exponent;
};

template <typename F>
Scaled<F> scaled(F x) {
  using I = typename F::Int;
  const auto is_tiny = less(x, F(std::numeric_limits<float>::min()));
  const I bits = bits_of(select(is_tiny, x * F(0x1p23f), x));
  const F biased = to_float(shift_right_signed(bits, 23));
  return {from_bits((bits & I(0x007fffff)) | I(0x4b000000)), biased - select(is_tiny, F(173.0f), F(150.0f))};
}

/// x - y * trunc(x / y), with the sign of x; NaN for infinite x, y = 0 and NaN. Exact.
///
/// With |x| = m 2^e and |y| = n 2^f, m and n integers, e >= f: the remainder is (m 2^(e - f) mod n) 2^f. The power is
/// multiplied in a few bits at a time, and after each time r becomes r - q n for q = rint(r / n). For r below n 2^22
/// the quotient, from a rounded reciprocal, errs by less than 1/2, so |r - q n| < n: an integer below 2^24, exact.
template <typename F>
F truncated_modulus(F x, F y) {
  constexpr float kFirstBits = 20, kBits = 22;  // the first |r| is below 2 n, later ones are below n
  constexpr int kTimes = 12;                    // e - f is at most 276 = 127 + 149
  static_assert(kFirstBits + kTimes * kBits >= 276);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const F size_x = absolute(x), size_y = absolute(y);
  const Scaled<F> a = scaled(size_x), b = scaled(size_y);
  const F n = b.mantissa, reciprocal = F(1.0f) / n;
  F r = a.mantissa, left = max_or_second(a.exponent - b.exponent, F(0.0f));
  for (int i = 0; i <= kTimes; ++i) {
    const F bits = min_or_second(left, F(i == 0 ? kFirstBits : kBits));
    const F shifted = scale(r, bits);
    r = fnma(round_to_even(shifted * reciprocal), n, shifted);
    if (i < kTimes) left = left - bits;
  }
  r = select(less(r, F(0.0f)), r + n, r);
  const F rest = select(less(size_x, size_y), size_x, scale(r, b.exponent));
  const auto invalid = unordered(x, y) | equal(size_x, F(kInfinity)) | equal(size_y, F(0.0f));
  return select(invalid, F(std::numeric_limits<float>::quiet_NaN()), with_sign_flipped(rest, sign_bit(x)));
}

/// x - y * floor(x / y): the truncated one, plus y (rounded) where its sign is not that of y.
template <typename F>
F floored_modulus(F x, F y) {
  const F rest = truncated_modulus(x, y), zero = F(0.0f);
  return select(not_equal(rest, zero) & (less(rest, zero) ^ less(y, zero)), rest + y, rest);
}

}  // namespace tegula::kernels::math
