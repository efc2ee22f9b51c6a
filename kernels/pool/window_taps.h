#pragma once
#include <cstddef>

#include "kernels/pool/pool.h"

namespace tegula::kernels {

/// For each of dst's pixels [begin, end), numbered row-major over n and the spatial dimensions: fills `taps` with the
/// addresses of channel 0 at the window's positions inside src, in row-major order, and calls
///   visit(taps in use, positions that an average counts, address of dst's channel 0).
/// `taps` has room for desc.taps() addresses. Views are [n, spatial..., c] of any strides.
template <typename Visit>
void for_each_window(const PoolDesc& desc, const TensorView& src, const TensorView& dst, int64_t begin, int64_t end,
                     const std::byte** taps, Visit&& visit) {
  const auto src_bytes = static_cast<int64_t>(size_of(src.dtype)), dst_bytes = static_cast<int64_t>(size_of(dst.dtype));
  std::array<int64_t, kMaxPoolRank> out{};
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    int64_t rest = pixel;
    int64_t dst_offset = 0;
    for (int d = desc.rank - 1; d >= 0; --d) {
      out[d] = rest % dst.dims[1 + d];
      rest /= dst.dims[1 + d];
      dst_offset += out[d] * dst.strides[1 + d];
    }
    std::byte* to = dst.data + (dst_offset + rest * dst.strides[0]) * dst_bytes;

    std::array<TapRange, kMaxPoolRank> ranges;
    int64_t count = 1;
    for (int d = 0; d < desc.rank; ++d) {
      ranges[d] = tap_range(desc, d, src.dims[1 + d], out[d]);
      count *= desc.count_include_pad ? ranges[d].counted : ranges[d].last - ranges[d].first;
    }
    int64_t tap_count = 0;
    // Unused leading dimensions run once: their ranges are [0, 1) with a stride of 0.
    const int unused = kMaxPoolRank - desc.rank;
    const auto range = [&](int d) { return d < unused ? TapRange{0, 1, 1} : ranges[d - unused]; };
    const auto offset = [&](int d, int64_t tap) {
      if (d < unused) return int64_t{0};
      const int i = d - unused;
      return (out[i] * desc.strides[i] - desc.pads_begin[i] + tap * desc.dilations[i]) * src.strides[1 + i];
    };
    const std::byte* image = src.data + rest * src.strides[0] * src_bytes;
    for (int64_t a = range(0).first; a < range(0).last; ++a)
      for (int64_t b = range(1).first; b < range(1).last; ++b)
        for (int64_t c = range(2).first; c < range(2).last; ++c)
          taps[tap_count++] = image + (offset(0, a) + offset(1, b) + offset(2, c)) * src_bytes;
    visit(tap_count, count, to);
  }
}

}  // namespace tegula::kernels
