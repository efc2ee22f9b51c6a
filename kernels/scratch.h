#pragma once
#include <cstddef>

namespace tegula::kernels {

/// Bytes of whole cache lines, for the parts that scratch is cut into.
constexpr std::size_t whole_lines(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

}  // namespace tegula::kernels
