#pragma once
#include <cstdint>

// Operations on the sign bit. F is one of the lane types of scalar.h and recorded.h.
namespace tegula::kernels::math {

inline constexpr int32_t kSignBit = INT32_MIN;
inline constexpr int32_t kAllButSign = INT32_MAX;

template <typename F>
F absolute(F x) {
  return from_bits(bits_of(x) & typename F::Int(kAllButSign));
}

template <typename F>
F negated(F x) {
  return from_bits(bits_of(x) ^ typename F::Int(kSignBit));
}

template <typename F>
typename F::Int sign_bit(F x) {
  return bits_of(x) & typename F::Int(kSignBit);
}

/// x with its sign flipped where `sign` (0 or kSignBit) says so.
template <typename F>
F with_sign_flipped(F x, typename F::Int sign) {
  return from_bits(bits_of(x) ^ sign);
}

}  // namespace tegula::kernels::math
