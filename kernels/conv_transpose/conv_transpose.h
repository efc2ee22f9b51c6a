#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <span>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Channels-last transposed convolution over 1 to 3 spatial dimensions, f32:
///   dst[n, o, oc] = bias[oc] + sum over kernel positions p, then ic, of src[n, i, ic] * weights[ic, oc, p]
///                   where i * stride + p * dilation - pad_begin == o
/// One fused multiply-add each from +0, p and ic ascending; positions for which there is no such i in src do not take
/// part. The bias is added to the finished sum.
struct ConvTransposeDesc {
  int rank = 2;  ///< spatial dimensions in use; the arrays below hold that many
  std::array<int64_t, 3> strides{1, 1, 1}, dilations{1, 1, 1}, pads_begin{};
  int64_t groups = 1;

  auto operator<=>(const ConvTransposeDesc&) const = default;
};

/// inputs: src [n, spatial..., ic], weights [ic, oc / groups, kernel...], and perhaps bias [oc]. outputs: dst
/// [n, spatial..., oc], whose sizes are free: what no position reaches is the bias alone. Any strides.
Status check(const ConvTransposeDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
Status conv_transpose(const ConvTransposeDesc& desc, std::span<const TensorView> inputs,
                      std::span<const TensorView> outputs);

}  // namespace tegula::kernels
