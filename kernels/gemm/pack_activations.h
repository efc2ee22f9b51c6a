#pragma once
#include <cstdint>

#include "kernels/gemm/pack.h"

namespace tegula::kernels {

/// Packs the matrix whose element (k, n) lies at b[k * k_stride + n * n_stride] as panels (`to`, of one tap) while the
/// program runs: fast where columns or rows are contiguous. Writes all to.bytes().
void pack_activations(const PackedMatrix& to, const void* b, int64_t k_stride, int64_t n_stride, void* packed);

/// The same for integer products whose right operand is u8: panels hold q - 128, as s8. sums[n], where not nullptr, is
/// the sum of these over all k; to.n rounded up to whole panels are written.
void pack_unsigned_activations(const PackedMatrix& to, const void* b, int64_t k_stride, int64_t n_stride, void* packed,
                               int32_t* sums);

/// Copies the matrix whose element (m, k) of 1, 2 or 4 bytes lies at a[m * m_stride + k * k_stride] to rows of k
/// contiguous elements.
void pack_rows(int64_t element_bytes, const void* a, int64_t m_stride, int64_t k_stride, int64_t m, int64_t k,
               void* rows);

}  // namespace tegula::kernels
