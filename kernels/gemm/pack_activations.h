#pragma once
#include <cstdint>

namespace tegula::kernels {

/// Packs the fp32 matrix whose element (k, n) lies at b[k * k_stride + n * n_stride] as n16k1 panels, [n/16][k][16]
/// with zeros beyond column n, while the program runs: fast where columns or rows are contiguous.
void pack_activations(const float* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, float* packed);

/// Copies the fp32 matrix whose element (m, k) lies at a[m * m_stride + k * k_stride] to rows of k contiguous elements.
void pack_rows(const float* a, int64_t m_stride, int64_t k_stride, int64_t m, int64_t k, float* rows);

}  // namespace tegula::kernels
