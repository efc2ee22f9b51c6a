#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/pool/pool.h"

namespace tegula::kernels {

/// The windows of dst's pixels, numbered row-major over n and the spatial dimensions: the addresses of channel 0 at a
/// window's positions inside src, in row-major order. Views are [n, spatial..., c] of any strides.
class WindowTaps {
 public:
  /// `taps` has room for desc.taps() addresses.
  WindowTaps(const PoolDesc& desc, const TensorView& src, const TensorView& dst, const std::byte** taps)
      : desc_(desc),
        src_(src),
        dst_(dst),
        taps_(taps),
        src_bytes_(static_cast<int64_t>(size_of(src.dtype))),
        dst_bytes_(static_cast<int64_t>(size_of(dst.dtype))),
        inner_(desc.rank - 1),
        tap_step_(desc.strides[inner_] * src.strides[1 + inner_] * src_bytes_),
        dst_step_(dst.strides[1 + inner_] * dst_bytes_) {
    const int64_t last = src.dims[1 + inner_] - 1 - (desc.kernel[inner_] - 1) * desc.dilations[inner_];
    inside_end_ = last + desc.pads_begin[inner_] < 0 ? 0 : (last + desc.pads_begin[inner_]) / desc.strides[inner_] + 1;
    inside_end_ = std::min(inside_end_, dst.dims[1 + inner_]);
  }

  void place(int64_t pixel) {
    std::array<int64_t, kMaxPoolRank> out{};
    int64_t rest = pixel, dst_offset = 0;
    for (int d = inner_; d >= 0; --d) {
      out[d] = rest % dst_.dims[1 + d];
      rest /= dst_.dims[1 + d];
      dst_offset += out[d] * dst_.strides[1 + d];
    }
    column_ = out[inner_];
    to_ = dst_.data + (dst_offset + rest * dst_.strides[0]) * dst_bytes_;

    std::array<TapRange, kMaxPoolRank> ranges;
    counted_ = 1;
    for (int d = 0; d < desc_.rank; ++d) {
      ranges[d] = tap_range(desc_, d, src_.dims[1 + d], out[d]);
      counted_ *= desc_.count_include_pad ? ranges[d].counted : ranges[d].last - ranges[d].first;
    }
    tap_count_ = 0;
    // Unused leading dimensions run once: their ranges are [0, 1) with a stride of 0.
    const int unused = kMaxPoolRank - desc_.rank;
    const auto range = [&](int d) { return d < unused ? TapRange{0, 1, 1} : ranges[d - unused]; };
    const auto offset = [&](int d, int64_t tap) {
      if (d < unused) return int64_t{0};
      const int i = d - unused;
      return (out[i] * desc_.strides[i] - desc_.pads_begin[i] + tap * desc_.dilations[i]) * src_.strides[1 + i];
    };
    const std::byte* const image = src_.data + rest * src_.strides[0] * src_bytes_;
    for (int64_t a = range(0).first; a < range(0).last; ++a)
      for (int64_t b = range(1).first; b < range(1).last; ++b)
        for (int64_t c = range(2).first; c < range(2).last; ++c)
          taps_[tap_count_++] = image + (offset(0, a) + offset(1, b) + offset(2, c)) * src_bytes_;
  }

  /// To the next pixel, where that takes no more than moving: neither window crosses the ends of the innermost
  /// dimension. Otherwise false, and nothing has changed.
  bool move() {
    const bool begins_inside = column_ * desc_.strides[inner_] >= desc_.pads_begin[inner_];
    if (!begins_inside || column_ + 1 >= inside_end_) return false;
    ++column_;
    for (int64_t i = 0; i < tap_count_; ++i) taps_[i] += tap_step_;
    to_ += dst_step_;
    return true;
  }

  int64_t tap_count() const { return tap_count_; }
  int64_t counted() const { return counted_; }  ///< positions that an average counts
  std::byte* to() const { return to_; }         ///< dst's channel 0

 private:
  const PoolDesc& desc_;
  const TensorView &src_, &dst_;
  const std::byte** const taps_;
  const int64_t src_bytes_, dst_bytes_;
  const int inner_;
  const int64_t tap_step_, dst_step_;
  int64_t inside_end_ = 0;  // of the innermost dimension: windows before it end inside
  int64_t column_ = 0, tap_count_ = 0, counted_ = 1;
  std::byte* to_ = nullptr;
};

/// For each of dst's pixels [begin, end): visit(taps in use, positions that an average counts, address of dst's
/// channel 0), `taps` being filled.
template <typename Visit>
void for_each_window(const PoolDesc& desc, const TensorView& src, const TensorView& dst, int64_t begin, int64_t end,
                     const std::byte** taps, Visit&& visit) {
  if (begin >= end) return;
  WindowTaps window(desc, src, dst, taps);
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    if (pixel == begin || !window.move()) window.place(pixel);
    visit(window.tap_count(), window.counted(), window.to());
  }
}

}  // namespace tegula::kernels
