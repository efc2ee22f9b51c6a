#pragma once
#include <compare>

#include "kernels/plain_loops.h"
#include "kernels/pool/pool.h"
#include "kernels/quantize/quantized_ends.h"

namespace tegula::kernels {

/// Pooling of u8, s8 and bf16 by the windows of PoolDesc, kMax or kAverage:
///   max            of the elements themselves, in src's type; of quantized ones without a tap the lowest value
///   average, u8/s8 sum of (q - src.zero_point) over the taps in s32, then float(sum) * (1/n) * src.scale
///   average, bf16  sum in fp32, taps in row-major order, divided by n
/// where n is the number of positions that PoolDesc counts. The average is stored as f32, bf16, u8 or s8,
/// kernels/README.md.
struct NarrowPoolDesc {
  PoolDesc window;
  QuantizedOperand src;
  QuantizedResult dst;

  auto operator<=>(const NarrowPoolDesc&) const = default;
};

/// inputs: src [n, spatial..., c] of u8, s8 or bf16. outputs: dst. Any strides.
Status check(const NarrowPoolDesc& desc, Views inputs, Views outputs);
Status narrow_pool(const NarrowPoolDesc& desc, Views inputs, Views outputs);
/// Its output pixels [begin, end); `taps` has room for desc.window.taps() addresses.
void narrow_pool_pixels(const NarrowPoolDesc& desc, const TensorView& src, const TensorView& dst, int64_t begin,
                        int64_t end, const std::byte** taps);

/// Channels [first, last) of one pixel by plain loops; channels lie the given elements apart.
struct NarrowPoolPixel {
  DType src, dst;
  const std::byte* const* taps;
  int64_t tap_count, counted;
  std::byte* to;
  int64_t src_channel_stride, dst_channel_stride;
};
void pool_pixel(const NarrowPoolDesc& desc, const NarrowPoolPixel& pixel, int64_t first, int64_t last);

}  // namespace tegula::kernels
