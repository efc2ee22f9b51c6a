#pragma once
#include <cstddef>
#include <cstdint>

#include "schema/base/dtype.h"

namespace tegula::kernels {

/// y[i] = x[i] converted, for i < count; contiguous, x and y do not overlap.
///   float to float      to nearest even (kernels/float16.h)
///   float to integer    towards zero. To s8, u8, s16, u16, s32 by way of s32, where what does not fit, and NaN, is
///   INT32_MIN;
///                       to u32, s64 by way of s64, likewise; to u64 what does not fit is 2^63. Then the low bits.
///   integer to integer  the low bits
///   integer to float    to nearest even (to bf16 and f16 by way of f32)
///   to bool             x != 0; NaN is true
void cast_block(DType from, DType to, const std::byte* x, std::byte* y, int64_t count);

}  // namespace tegula::kernels
