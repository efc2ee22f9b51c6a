#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tegula {

/// Concrete dimensions, outermost first. Rank 0 is a scalar; 0 is a legal size.
using Dims = std::vector<int64_t>;

/// Product of the dimensions; nullopt when one is negative or the product exceeds int64.
inline std::optional<int64_t> checked_element_count(std::span<const int64_t> dims) {
  bool has_zero = false;
  for (const int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    has_zero |= dim == 0;
  }
  if (has_zero) return 0;
  int64_t count = 1;
  for (const int64_t dim : dims)
    if (__builtin_mul_overflow(count, dim, &count)) return std::nullopt;
  return count;
}

/// Product of dimensions already known to be legal.
inline int64_t element_count(std::span<const int64_t> dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

/// "[1,3,224,224]".
inline std::string to_string(std::span<const int64_t> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) text += (i ? "," : "") + std::to_string(dims[i]);
  return text + "]";
}

}  // namespace tegula
