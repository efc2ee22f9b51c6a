#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

namespace tegula::kernels {

/// q = saturate(round_to_nearest_even(f * scale_inverse) + zero_point), the last thing that an integer kernel does with
/// a result. The range is clamped in float, before the conversion; NaN gives the lowest value. To the bit what
/// generated code computes.
template <typename Q>
Q requantize(float f, float scale_inverse, int32_t zero_point) {
  constexpr auto kLow = static_cast<float>(std::numeric_limits<Q>::min());
  constexpr auto kHigh = static_cast<float>(std::numeric_limits<Q>::max());
  const float shifted = std::nearbyint(f * scale_inverse) + static_cast<float>(zero_point);
  if (!(shifted > kLow)) return std::numeric_limits<Q>::min();  // also NaN
  if (shifted > kHigh) return std::numeric_limits<Q>::max();
  return static_cast<Q>(shifted);
}

}  // namespace tegula::kernels
