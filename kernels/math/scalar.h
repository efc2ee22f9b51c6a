#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// The primitive operations on one lane, in plain C++. Each does to the bit what its twin in recorded.h does to
// every lane of a vector register; the functions of this folder are templates over these types.
//
//   F  fp32 lane          F(1.5f) is a constant
//   I  s32 lane           the bits of an F, or an integer
//   M  one bit of a mask
namespace tegula::kernels::math {

struct ScalarMask {
  bool v;
};

struct ScalarInt {
  using Mask = ScalarMask;
  int32_t v;
  explicit ScalarInt(int32_t value) : v(value) {}
};

struct ScalarFloat {
  using Int = ScalarInt;
  using Mask = ScalarMask;
  float v;
  explicit ScalarFloat(float value) : v(value) {}
};

// fp32, rounded once to nearest even.
inline ScalarFloat operator+(ScalarFloat a, ScalarFloat b) {
  return ScalarFloat(a.v + b.v);
}
inline ScalarFloat operator-(ScalarFloat a, ScalarFloat b) {
  return ScalarFloat(a.v - b.v);
}
inline ScalarFloat operator*(ScalarFloat a, ScalarFloat b) {
  return ScalarFloat(a.v * b.v);
}
inline ScalarFloat operator/(ScalarFloat a, ScalarFloat b) {
  return ScalarFloat(a.v / b.v);
}
/// a * b + c
inline ScalarFloat fma(ScalarFloat a, ScalarFloat b, ScalarFloat c) {
  return ScalarFloat(std::fma(a.v, b.v, c.v));
}
/// c - a * b
inline ScalarFloat fnma(ScalarFloat a, ScalarFloat b, ScalarFloat c) {
  return ScalarFloat(std::fma(-a.v, b.v, c.v));
}
inline ScalarFloat square_root(ScalarFloat a) {
  return ScalarFloat(std::sqrt(a.v));
}
/// MINPS: b when either is NaN or both are zero. x comes second where its NaN shall survive.
inline ScalarFloat min_or_second(ScalarFloat a, ScalarFloat b) {
  return ScalarFloat(a.v < b.v ? a.v : b.v);
}
/// MAXPS: likewise.
inline ScalarFloat max_or_second(ScalarFloat a, ScalarFloat b) {
  return ScalarFloat(a.v > b.v ? a.v : b.v);
}
inline ScalarFloat round_to_even(ScalarFloat a) {
  return ScalarFloat(std::nearbyint(a.v));
}
inline ScalarFloat round_down(ScalarFloat a) {
  return ScalarFloat(std::floor(a.v));
}
inline ScalarFloat round_up(ScalarFloat a) {
  return ScalarFloat(std::ceil(a.v));
}

// s32, wrapping.
inline ScalarInt wrapped(uint32_t bits) {
  return ScalarInt(static_cast<int32_t>(bits));
}
inline ScalarInt operator+(ScalarInt a, ScalarInt b) {
  return wrapped(static_cast<uint32_t>(a.v) + static_cast<uint32_t>(b.v));
}
inline ScalarInt operator-(ScalarInt a, ScalarInt b) {
  return wrapped(static_cast<uint32_t>(a.v) - static_cast<uint32_t>(b.v));
}
inline ScalarInt operator&(ScalarInt a, ScalarInt b) {
  return ScalarInt(a.v & b.v);
}
inline ScalarInt operator|(ScalarInt a, ScalarInt b) {
  return ScalarInt(a.v | b.v);
}
inline ScalarInt operator^(ScalarInt a, ScalarInt b) {
  return ScalarInt(a.v ^ b.v);
}
/// ~a & b
inline ScalarInt and_not(ScalarInt a, ScalarInt b) {
  return ScalarInt(~a.v & b.v);
}
inline ScalarInt shift_left(ScalarInt a, int bits) {
  return wrapped(static_cast<uint32_t>(a.v) << bits);
}
inline ScalarInt shift_right_signed(ScalarInt a, int bits) {
  return ScalarInt(a.v >> bits);
}

// Between the two.
inline ScalarInt bits_of(ScalarFloat a) {
  return ScalarInt(std::bit_cast<int32_t>(a.v));
}
inline ScalarFloat from_bits(ScalarInt a) {
  return ScalarFloat(std::bit_cast<float>(a.v));
}
inline ScalarFloat to_float(ScalarInt a) {
  return ScalarFloat(static_cast<float>(a.v));
}
/// CVTTPS2DQ: INT32_MIN for NaN and for what does not fit.
inline ScalarInt truncate_to_int(ScalarFloat a) {
  const bool fits = a.v >= -0x1p31f && a.v < 0x1p31f;
  return ScalarInt(fits ? static_cast<int32_t>(a.v) : std::numeric_limits<int32_t>::min());
}
/// CVTPS2DQ: the same, to nearest even.
inline ScalarInt round_to_int(ScalarFloat a) {
  return truncate_to_int(round_to_even(a));
}
/// a * 2^n, rounded once, for an integral n with |n| <= 250; NaN when a is NaN.
inline ScalarFloat scale(ScalarFloat a, ScalarFloat n) {
  const ScalarInt whole = round_to_int(n), half = shift_right_signed(whole, 1), rest = whole - half;
  const auto power = [](ScalarInt k) { return from_bits(shift_left(k + ScalarInt(127), 23)); };
  return a * power(half) * power(rest);
}

// Comparisons: false for NaN, except not_equal and unordered.
inline ScalarMask less(ScalarFloat a, ScalarFloat b) {
  return {a.v < b.v};
}
inline ScalarMask less_or_equal(ScalarFloat a, ScalarFloat b) {
  return {a.v <= b.v};
}
inline ScalarMask greater(ScalarFloat a, ScalarFloat b) {
  return {a.v > b.v};
}
inline ScalarMask greater_or_equal(ScalarFloat a, ScalarFloat b) {
  return {a.v >= b.v};
}
inline ScalarMask equal(ScalarFloat a, ScalarFloat b) {
  return {a.v == b.v};
}
inline ScalarMask not_equal(ScalarFloat a, ScalarFloat b) {
  return {a.v != b.v};
}
inline ScalarMask unordered(ScalarFloat a, ScalarFloat b) {
  return {std::isnan(a.v) || std::isnan(b.v)};
}
inline ScalarMask equal(ScalarInt a, ScalarInt b) {
  return {a.v == b.v};
}

inline ScalarMask operator&(ScalarMask a, ScalarMask b) {
  return {a.v && b.v};
}
inline ScalarMask operator|(ScalarMask a, ScalarMask b) {
  return {a.v || b.v};
}
inline ScalarMask operator^(ScalarMask a, ScalarMask b) {
  return {a.v != b.v};
}
inline ScalarMask operator~(ScalarMask a) {
  return {!a.v};
}
/// m ? a : b
inline ScalarFloat select(ScalarMask m, ScalarFloat a, ScalarFloat b) {
  return m.v ? a : b;
}
inline ScalarInt select(ScalarMask m, ScalarInt a, ScalarInt b) {
  return m.v ? a : b;
}

}  // namespace tegula::kernels::math
