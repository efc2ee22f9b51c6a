#pragma once
#include <cstddef>
#include <cstdint>

namespace tegula::kernels {

/// One call of a function that transposes squares of elements. Read by generated code: fields stay where they
/// are.
struct TransposeCall {
  const std::byte* src = nullptr;
  int64_t src_stride = 0;  ///< bytes from one row of src to the next
  std::byte* dst = nullptr;
  int64_t dst_stride = 0;  ///< bytes from one row of dst to the next
  int64_t rows = 0;        ///< of dst; a multiple of the square's side, not 0
  int64_t columns = 0;     ///< of dst; a multiple of the square's side, not 0
};

/// Generated code for squares of `side` x `side` elements of `element_bytes` bytes (transpose_kernel.h), or none.
struct TransposeSquares {
  int64_t side = 0;
  int element_bytes = 0;
  void (*function)(const TransposeCall*) = nullptr;
};

/// dst[r][c] = src[c][r] for r < rows, c < columns: src row c starts at src + c * src_stride, dst row r at
/// dst + r * dst_stride (bytes); elements of 1, 2, 4 or 8 bytes are contiguous within both. Works in squares, so that
/// each cache line is read and written once: by `squares` where there is such a function of these elements; otherwise,
/// and at the edges, elements of 4 bytes by SSE2 shuffles. Moves only: any bits survive.
void transpose_block(int element_bytes, const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride,
                     int64_t rows, int64_t columns, TransposeSquares squares = {});

}  // namespace tegula::kernels
