#include "kernels/copy/transpose_block.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

namespace tegula::kernels {
namespace {

constexpr int64_t kSquare = 16;

// A rectangle of a transpose: where src and dst start, and their strides.
struct Rectangle {
  const std::byte* src;
  int64_t src_stride;
  std::byte* dst;
  int64_t dst_stride;
  int64_t rows, columns;  // of dst

  // The part from dst row r, column c on.
  Rectangle part(int64_t r, int64_t c, int64_t part_rows, int64_t part_columns, int64_t element_bytes) const {
    return {src + c * src_stride + r * element_bytes,
            src_stride,
            dst + r * dst_stride + c * element_bytes,
            dst_stride,
            part_rows,
            part_columns};
  }
};

// Any rectangle, element by element.
template <typename T>
void transpose_plain(const Rectangle& a) {
  constexpr int64_t size = sizeof(T);
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t c = 0; c < a.columns; ++c)
      std::memcpy(a.dst + r * a.dst_stride + c * size, a.src + c * a.src_stride + r * size, sizeof(T));
}

__m128 load(const std::byte* p) {
  return _mm_loadu_ps(reinterpret_cast<const float*>(p));
}
void store(std::byte* p, __m128 v) {
  _mm_storeu_ps(reinterpret_cast<float*>(p), v);
}

// Rows and columns are multiples of 4.
void transpose_fours(const Rectangle& a) {
  for (int64_t r = 0; r < a.rows; r += 4) {
    for (int64_t c = 0; c < a.columns; c += 4) {
      const std::byte* from = a.src + c * a.src_stride + r * 4;
      __m128 v0 = load(from), v1 = load(from + a.src_stride), v2 = load(from + 2 * a.src_stride),
             v3 = load(from + 3 * a.src_stride);
      _MM_TRANSPOSE4_PS(v0, v1, v2, v3);
      std::byte* to = a.dst + r * a.dst_stride + c * 4;
      store(to, v0);
      store(to + a.dst_stride, v1);
      store(to + 2 * a.dst_stride, v2);
      store(to + 3 * a.dst_stride, v3);
    }
  }
}

// Three planes into triples (a picture's channels), 4 triples at a time; dst rows follow each other without a gap.
void interleave_three(const Rectangle& a) {
  const std::byte* from = a.src;
  std::byte* to = a.dst;
  int64_t r = 0;
  for (; r + 4 <= a.rows; r += 4, from += 16, to += 48) {
    const __m128 x = load(from), y = load(from + a.src_stride), z = load(from + 2 * a.src_stride);
    const __m128 xy_low = _mm_unpacklo_ps(x, y), xy_high = _mm_unpackhi_ps(x, y);  // x0 y0 x1 y1, x2 y2 x3 y3
    const __m128 zx = _mm_shuffle_ps(z, x, _MM_SHUFFLE(1, 1, 0, 0));               // z0 z0 x1 x1
    const __m128 yz = _mm_shuffle_ps(y, z, _MM_SHUFFLE(1, 1, 1, 1));               // y1 y1 z1 z1
    const __m128 zx_high = _mm_shuffle_ps(z, x, _MM_SHUFFLE(3, 3, 2, 2));          // z2 z2 x3 x3
    const __m128 yz_high = _mm_shuffle_ps(y, z, _MM_SHUFFLE(3, 3, 3, 3));          // y3 y3 z3 z3
    store(to, _mm_shuffle_ps(xy_low, zx, _MM_SHUFFLE(2, 0, 1, 0)));                // x0 y0 z0 x1
    store(to + 16, _mm_shuffle_ps(yz, xy_high, _MM_SHUFFLE(1, 0, 2, 0)));          // y1 z1 x2 y2
    store(to + 32, _mm_shuffle_ps(zx_high, yz_high, _MM_SHUFFLE(2, 0, 2, 0)));     // z2 x3 y3 z3
  }
  transpose_plain<uint32_t>(a.part(r, 0, a.rows - r, 3, 4));
}

// Triples into three planes, 4 triples at a time; src rows follow each other without a gap.
void separate_three(const Rectangle& a) {
  const std::byte* from = a.src;
  std::byte* to = a.dst;
  int64_t c = 0;
  for (; c + 4 <= a.columns; c += 4, from += 48, to += 16) {
    const __m128 u = load(from), v = load(from + 16), w = load(from + 32);  // x0 y0 z0 x1, y1 z1 x2 y2, z2 x3 y3 z3
    const __m128 x23 = _mm_shuffle_ps(v, w, _MM_SHUFFLE(1, 1, 2, 2));       // x2 x2 x3 x3
    const __m128 y01 = _mm_shuffle_ps(u, v, _MM_SHUFFLE(0, 0, 1, 1));       // y0 y0 y1 y1
    const __m128 y23 = _mm_shuffle_ps(v, w, _MM_SHUFFLE(2, 2, 3, 3));       // y2 y2 y3 y3
    const __m128 z01 = _mm_shuffle_ps(u, v, _MM_SHUFFLE(1, 1, 2, 2));       // z0 z0 z1 z1
    store(to, _mm_shuffle_ps(u, x23, _MM_SHUFFLE(2, 0, 3, 0)));             // x0 x1 x2 x3
    store(to + a.dst_stride, _mm_shuffle_ps(y01, y23, _MM_SHUFFLE(2, 0, 2, 0)));    // y0 y1 y2 y3
    store(to + 2 * a.dst_stride, _mm_shuffle_ps(z01, w, _MM_SHUFFLE(3, 0, 2, 0)));  // z0 z1 z2 z3
  }
  transpose_plain<uint32_t>(a.part(0, c, 3, a.columns - c, 4));
}

template <typename T>
void transpose_squares(const Rectangle& a) {
  constexpr int64_t size = sizeof(T);
  for (int64_t r = 0; r < a.rows; r += kSquare) {
    for (int64_t c = 0; c < a.columns; c += kSquare) {
      const Rectangle square = a.part(r, c, std::min(kSquare, a.rows - r), std::min(kSquare, a.columns - c), size);
      if constexpr (size != 4) {
        transpose_plain<T>(square);
      } else {
        const int64_t rows = square.rows / 4 * 4, columns = square.columns / 4 * 4;
        transpose_fours(square.part(0, 0, rows, columns, size));
        transpose_plain<T>(square.part(0, columns, rows, square.columns - columns, size));
        transpose_plain<T>(square.part(rows, 0, square.rows - rows, square.columns, size));
      }
    }
  }
}

void transpose_by(const TransposeSquares& squares, const Rectangle& a) {
  const TransposeCall call{a.src, a.src_stride, a.dst, a.dst_stride, a.rows, a.columns};
  squares.function(&call);
}

bool has_squares(const TransposeSquares& squares, const Rectangle& a, int element_bytes) {
  return squares.function != nullptr && squares.element_bytes == element_bytes && a.rows >= squares.side &&
         a.columns >= squares.side;
}

void transpose_32bit(const Rectangle& a, const TransposeSquares& squares) {
  if (a.columns == 3 && a.dst_stride == 12) return interleave_three(a);
  if (a.rows == 3 && a.src_stride == 12) return separate_three(a);
  if (!has_squares(squares, a, 4)) return transpose_squares<uint32_t>(a);
  const int64_t rows = a.rows / squares.side * squares.side, columns = a.columns / squares.side * squares.side;
  transpose_by(squares, a.part(0, 0, rows, columns, 4));
  transpose_squares<uint32_t>(a.part(0, columns, rows, a.columns - columns, 4));
  transpose_squares<uint32_t>(a.part(rows, 0, a.rows - rows, a.columns, 4));
}

/// The last squares overlap those before them where the sides are no multiples: elements there are moved twice.
template <typename T>
void transpose_overlapping(const Rectangle& a, const TransposeSquares& squares) {
  constexpr int64_t size = sizeof(T);
  if (!has_squares(squares, a, sizeof(T))) return transpose_squares<T>(a);
  const int64_t side = squares.side, rows = a.rows / side * side, columns = a.columns / side * side;
  transpose_by(squares, a.part(0, 0, rows, columns, size));
  if (columns < a.columns) transpose_by(squares, a.part(0, a.columns - side, rows, side, size));
  if (rows == a.rows) return;
  transpose_by(squares, a.part(a.rows - side, 0, side, columns, size));
  if (columns < a.columns) transpose_by(squares, a.part(a.rows - side, a.columns - side, side, side, size));
}

}  // namespace

void transpose_block(int element_bytes, const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride,
                     int64_t rows, int64_t columns, TransposeSquares squares) {
  const Rectangle all{src, src_stride, dst, dst_stride, rows, columns};
  switch (element_bytes) {
    case 1: return transpose_overlapping<uint8_t>(all, squares);
    case 2: return transpose_overlapping<uint16_t>(all, squares);
    case 4: return transpose_32bit(all, squares);
    default: return transpose_overlapping<uint64_t>(all, squares);
  }
}

}  // namespace tegula::kernels
