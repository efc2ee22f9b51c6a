#include "kernels/gemm/pack_activations.h"

#include <algorithm>
#include <cstring>

#include "kernels/copy/transpose_block.h"
#include "kernels/gemm/pack.h"

namespace tegula::kernels {
namespace {

constexpr int64_t kElementBytes = sizeof(float);

/// `columns` columns, at most 16, in rows of 16 whose other columns are left alone.
void pack_panel(const float* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t columns, float* panel) {
  if (n_stride == 1) {
    for (int64_t i = 0; i < k; ++i)
      std::memcpy(panel + i * kPanelColumns, b + i * k_stride, static_cast<std::size_t>(columns * kElementBytes));
  } else if (k_stride == 1) {
    transpose_block(static_cast<int>(kElementBytes), reinterpret_cast<const std::byte*>(b), n_stride * kElementBytes,
                    reinterpret_cast<std::byte*>(panel), kPanelRowBytes, k, columns);
  } else {
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < columns; ++j) panel[i * kPanelColumns + j] = b[i * k_stride + j * n_stride];
  }
}

}  // namespace

void pack_activations(const float* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, float* packed) {
  for (int64_t column = 0; column < n; column += kPanelColumns, packed += k * kPanelColumns) {
    const int64_t columns = std::min(kPanelColumns, n - column);
    const float* const from = b + column * n_stride;
    if (columns == kPanelColumns && n_stride == 1) {
      for (int64_t i = 0; i < k; ++i) std::memcpy(packed + i * kPanelColumns, from + i * k_stride, kPanelRowBytes);
      continue;
    }
    if (columns < kPanelColumns) std::memset(packed, 0, static_cast<std::size_t>(k * kPanelRowBytes));
    pack_panel(from, k_stride, n_stride, k, columns, packed);
  }
}

void pack_rows(const float* a, int64_t m_stride, int64_t k_stride, int64_t m, int64_t k, float* rows) {
  if (m_stride == 1) {
    transpose_block(static_cast<int>(kElementBytes), reinterpret_cast<const std::byte*>(a), k_stride * kElementBytes,
                    reinterpret_cast<std::byte*>(rows), k * kElementBytes, m, k);
    return;
  }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < k; ++j) rows[i * k + j] = a[i * m_stride + j * k_stride];
}

}  // namespace tegula::kernels
