#include "kernels/copy/transpose_block.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

namespace tegula::kernels {
namespace {

constexpr int64_t kSquare = 16;

// Any square, element by element.
template <typename T>
void transpose_plain(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride, int64_t rows,
                     int64_t columns) {
  constexpr int64_t size = sizeof(T);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(dst + r * dst_stride + c * size, src + c * src_stride + r * size, sizeof(T));
}

__m128 load(const std::byte* p) {
  return _mm_loadu_ps(reinterpret_cast<const float*>(p));
}
void store(std::byte* p, __m128 v) {
  _mm_storeu_ps(reinterpret_cast<float*>(p), v);
}

// 16 x 16 elements of 4 bytes, as 4 x 4 squares of shuffles: moves only, so any bits survive.
void transpose_16x16_32bit(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride) {
  for (int64_t r = 0; r < kSquare; r += 4) {
    for (int64_t c = 0; c < kSquare; c += 4) {
      const std::byte* from = src + c * src_stride + r * 4;
      __m128 a = load(from), b = load(from + src_stride), d = load(from + 2 * src_stride),
             e = load(from + 3 * src_stride);
      _MM_TRANSPOSE4_PS(a, b, d, e);
      std::byte* to = dst + r * dst_stride + c * 4;
      store(to, a);
      store(to + dst_stride, b);
      store(to + 2 * dst_stride, d);
      store(to + 3 * dst_stride, e);
    }
  }
}

template <typename T>
void transpose_squares(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride, int64_t rows,
                       int64_t columns) {
  constexpr int64_t size = sizeof(T);
  for (int64_t r = 0; r < rows; r += kSquare) {
    for (int64_t c = 0; c < columns; c += kSquare) {
      const std::byte* from = src + c * src_stride + r * size;
      std::byte* to = dst + r * dst_stride + c * size;
      const int64_t high = std::min(kSquare, rows - r), wide = std::min(kSquare, columns - c);
      if (size == 4 && high == kSquare && wide == kSquare) {
        transpose_16x16_32bit(from, src_stride, to, dst_stride);
      } else {
        transpose_plain<T>(from, src_stride, to, dst_stride, high, wide);
      }
    }
  }
}

}  // namespace

void transpose_block(int element_bytes, const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride,
                     int64_t rows, int64_t columns) {
  switch (element_bytes) {
    case 1: return transpose_squares<uint8_t>(src, src_stride, dst, dst_stride, rows, columns);
    case 2: return transpose_squares<uint16_t>(src, src_stride, dst, dst_stride, rows, columns);
    case 4: return transpose_squares<uint32_t>(src, src_stride, dst, dst_stride, rows, columns);
    default: return transpose_squares<uint64_t>(src, src_stride, dst, dst_stride, rows, columns);
  }
}

}  // namespace tegula::kernels
