#pragma once
#include <cstdint>

namespace tegula::kernels {

/// A run of indices [begin, begin + count).
struct Span1 {
  int64_t begin = 0;
  int64_t count = 0;
};

/// Part `index` of `size` things in `parts` parts that differ by one at most; the larger ones come first.
constexpr Span1 even_part(int64_t size, int64_t parts, int64_t index) {
  const int64_t small = size / parts, larger = size % parts;
  const int64_t before = index < larger ? index : larger;
  return {index * small + before, small + (index < larger ? 1 : 0)};
}

constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace tegula::kernels
