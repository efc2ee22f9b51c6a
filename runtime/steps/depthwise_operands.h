#pragma once
#include "runtime/steps/conv_window.h"

namespace tegula::runtime {

/// What depthwise convolutions of all types have in common. kInvalidFile unless src and dst have a channel for each
/// group and weights are one packed filter for each: [positions, channels].
inline Status check_depthwise(const BindContext& context, const ConvWindow& window, const BoundTensor& src,
                              const BoundTensor& weights, const BoundTensor& dst) {
  const int64_t channels = window.groups;
  if (src.dims[static_cast<std::size_t>(src.rank - 1)] != channels ||
      dst.dims[static_cast<std::size_t>(dst.rank - 1)] != channels || weights.rank != 2 ||
      weights.dims[0] != window.positions() || weights.dims[1] != channels)
    return context.invalid("depthwise weights of ", to_string(weights.shape()), " for ", channels, " channels and ",
                           window.positions(), " positions");
  return {};
}

/// The window in a kernel's descriptor, the sizes in the arguments of its calls.
template <typename Desc, typename Args>
void place_window(const ConvWindow& window, const BoundTensor& src, const BoundTensor& dst, int64_t src_pixel_stride,
                  int64_t dst_pixel_stride, Desc& desc, Args& sizes) {
  sizes.n = src.dims[0];
  sizes.channels = window.groups;
  const auto in = spatial_dims(src), out = spatial_dims(dst);
  for (std::size_t d = 0; d < 3; ++d) {
    desc.kernel[d] = window.kernel[d];
    desc.strides[d] = window.strides[d];
    desc.dilations[d] = window.dilations[d];
    sizes.in[d] = in[d];
    sizes.out[d] = out[d];
    sizes.pads[d] = window.pads_begin[d];
  }
  sizes.src_pixel_stride = src_pixel_stride;
  sizes.dst_pixel_stride = dst_pixel_stride;
}

}  // namespace tegula::runtime
