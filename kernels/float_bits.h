#pragma once
#include <bit>
#include <compare>
#include <cstdint>

namespace tegula::kernels {

/// A float as a field of a descriptor: compared by its bits, so that NaN is a legal key and 0 and -0 are
/// two different ones. Reads and writes as a float.
struct FloatBits {
  uint32_t bits = 0;

  constexpr FloatBits() = default;
  constexpr FloatBits(float value) : bits(std::bit_cast<uint32_t>(value)) {}
  constexpr operator float() const { return std::bit_cast<float>(bits); }
  constexpr auto operator<=>(const FloatBits&) const = default;
};

}  // namespace tegula::kernels
