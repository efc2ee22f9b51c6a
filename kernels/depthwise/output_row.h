#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/depthwise/depthwise.h"

namespace tegula::kernels {

/// Where the taps of one row of output pixels lie in the source of a depthwise convolution of any type.
struct DepthwiseRow {
  std::array<int64_t, kMaxDepthwiseTaps> pixels;  ///< first source pixel of each kernel row, -1: row in the padding
  std::size_t rows = 0;                           ///< kernel rows
  int64_t begin = 0, end = 0;                     ///< output pixels [begin, end) have no tap in the padding
  int64_t first_pixel = 0;                        ///< of dst
};

template <typename Desc, typename Args>
DepthwiseRow depthwise_row(const Desc& desc, const Args& args, int64_t image, int64_t od, int64_t oh) {
  DepthwiseRow row;
  bool all_rows_exist = true;
  for (int64_t kd = 0; kd < desc.kernel[0]; ++kd)
    for (int64_t kh = 0; kh < desc.kernel[1]; ++kh) {
      const int64_t d = od * desc.strides[0] - args.pads[0] + kd * desc.dilations[0];
      const int64_t h = oh * desc.strides[1] - args.pads[1] + kh * desc.dilations[1];
      const bool exists = d >= 0 && d < args.in[0] && h >= 0 && h < args.in[1];
      row.pixels[row.rows++] = exists ? ((image * args.in[0] + d) * args.in[1] + h) * args.in[2] : -1;
      all_rows_exist &= exists;
    }
  const int64_t last = args.in[2] - 1 - (desc.kernel[2] - 1) * desc.dilations[2] + args.pads[2];
  row.begin = (std::max<int64_t>(args.pads[2], 0) + desc.strides[2] - 1) / desc.strides[2];
  row.begin = std::min(row.begin, args.out[2]);
  row.end = last < 0 ? row.begin : std::clamp(last / desc.strides[2] + 1, row.begin, args.out[2]);
  if (!all_rows_exist) row.end = row.begin;
  row.first_pixel = ((image * args.out[0] + od) * args.out[1] + oh) * args.out[2];
  return row;
}

/// Addresses of all taps of output pixel `ow` of the row; those in the padding read `padding`.
template <typename Desc, typename Args, typename T>
void place_taps(const Desc& desc, const Args& args, const DepthwiseRow& row, int64_t ow, const T* padding,
                const T** taps) {
  for (std::size_t i = 0; i < row.rows; ++i)
    for (int64_t kw = 0; kw < desc.kernel[2]; ++kw) {
      const int64_t w = ow * desc.strides[2] - args.pads[2] + kw * desc.dilations[2];
      const bool exists = row.pixels[i] >= 0 && w >= 0 && w < args.in[2];
      *taps++ = exists ? args.src + (row.pixels[i] + w) * args.src_pixel_stride : padding;
    }
}

}  // namespace tegula::kernels
