#pragma once
#include <cstddef>
#include <cstdint>

namespace tegula::kernels {

/// dst[r][c] = src[c][r] for r < rows, c < columns: src row c starts at src + c * src_stride, dst row r at
/// dst + r * dst_stride (bytes); elements of 1, 2, 4 or 8 bytes are contiguous within both. Works in squares of 16 x
/// 16, so that each cache line of 4-byte elements is read and written once; squares of 4-byte elements use SSE2
/// shuffles.
void transpose_block(int element_bytes, const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride,
                     int64_t rows, int64_t columns);

}  // namespace tegula::kernels
