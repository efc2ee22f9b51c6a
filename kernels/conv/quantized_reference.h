#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "kernels/gemm/pack.h"
#include "kernels/post_ops/post_op.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// A channels-last convolution of u8 by s8, as table Requantize of schema/program.fbs says.
///
///   acc = sum over kernel positions p, then ic, of  q_x[n, o * stride + p * dilation - pad, ic] * q_w[p, ic, c]
///   acc = acc + bias[c] - z_w[c] * sum(q_x)
///   acc = acc - z_x * sum(q_w) + K * z_x * z_w[c]        where z_x is dynamic; a static one is in the bias
///   f   = post_ops(float(acc) * (multipliers[c] * s_x))  s_x: 1 where it is static, being in the multipliers
///   dst = f, or saturate(round(f * dst_scale_inverse) + dst_zero_point)
///
/// Positions outside of the source hold z_x. Sums are taken modulo 2^32: the compiler keeps what could exceed 31 bits
/// away.
struct QuantizedConvDesc {
  int spatial = 2;                                ///< dimensions of src between the batch and the channels, 1 to 3
  std::array<int64_t, 3> strides{}, dilations{};  ///< `spatial` entries each
  std::array<int64_t, 3> pads_begin{};
  PackedConv weights;  ///< kN16K4
  PostOpChain post_ops = {};
  int32_t src_zero_point = 0;
  float dst_scale_inverse = 1.0f;
  int32_t dst_zero_point = 0;
};

/// Operands of one call. Tensors have any strides; per-channel arrays have oc elements.
struct QuantizedConvArgs {
  TensorView src;                   ///< u8 [n, spatial..., ic]
  TensorView dst;                   ///< u8, s8 or f32 [n, spatial..., oc]
  const int8_t* weights = nullptr;  ///< as desc.weights says
  const int32_t* bias = nullptr;    ///< or nullptr
  const float* multipliers = nullptr;
  bool multiplier_per_channel = false;          ///< otherwise one for all
  const int32_t* weight_zero_points = nullptr;  ///< or nullptr: all 0
  const int32_t* weight_sums = nullptr;         ///< read where the source's zero point is dynamic
  const int32_t* dynamic_zero_point = nullptr;  ///< of the source, one or one for each of n; nullptr: static
  const float* dynamic_scale = nullptr;         ///< likewise; nullptr: in the multipliers
  bool zero_point_per_image = false;
  bool scale_per_image = false;
  std::span<const TensorView> operands;  ///< f32, of the post-ops that have one, each broadcasting to dst
};

/// Looks at types and dimensions only. kInvalidArgument says what does not fit.
Status check_quantized_conv(const QuantizedConvDesc& desc, const TensorView& src, const TensorView& dst,
                            std::span<const TensorView> operands);

/// Output positions of dst: n times its spatial dimensions, the pieces that the function below works on.
int64_t quantized_conv_positions(const TensorView& dst);

/// Plain loops over output positions [begin, end), counted row-major. After check_quantized_conv. Allocates nothing;
/// any number of threads may each run a range.
void quantized_conv_reference(const QuantizedConvDesc& desc, const QuantizedConvArgs& args, int64_t begin, int64_t end);

}  // namespace tegula::kernels
