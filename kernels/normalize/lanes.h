#pragma once
#include <array>

namespace tegula::kernels {

/// Adds lanes in the order of the contract on numbers: l + (l + half), half after half, until one is left. `Lanes` is a
/// power of two.
template <typename T, std::size_t Lanes>
T sum_of_lanes(std::array<T, Lanes> lanes) {
  for (std::size_t half = Lanes / 2; half > 0; half /= 2)
    for (std::size_t l = 0; l < half; ++l) lanes[l] = lanes[l] + lanes[l + half];
  return lanes[0];
}

}  // namespace tegula::kernels
