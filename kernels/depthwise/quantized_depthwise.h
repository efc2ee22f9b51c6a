#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "jit/cpu_features.h"
#include "kernels/post_ops/post_op.h"
#include "kernels/quantize/quantized_ends.h"
#include "schema/base/dtype.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Instructions that quantized depthwise code may be made of.
enum class QuantizedDepthwiseIsa : uint8_t { kPlain, kAvx2, kAvx512, kAvx512Vnni };

/// Everything that shapes the code of one depthwise convolution of u8 by s8, channels last, as table Requantize of
/// schema/program.fbs says:
///
///   acc = sum over (kd, kh, kw) of src[n, od*sd - pd + kd*dd, ..., c] * weights[c, kd, kh, kw] + bias[c]
///   acc = acc - z_w[c] * sum(src) - z_x * sum(weights[c]) + taps * z_x * z_w[c]     the last two where z_x is dynamic
///   f   = post_ops(float(acc) * (multipliers[c] * s_x))                             s_x: where it is dynamic
///   dst = f, or saturate(round(f * dst_scale_inverse) + dst_zero_point)
///
/// Positions in the padding hold z_x. Sums are taken modulo 2^32. 1-D and 2-D convolutions have leading dimensions
/// of 1. Weights are packed as PackedDepthwise says, with elements of 1 byte.
struct QuantizedDepthwiseDesc {
  QuantizedDepthwiseIsa isa = QuantizedDepthwiseIsa::kPlain;
  int64_t kernel[3] = {1, 1, 1};  ///< d, h, w; at most kMaxQuantizedTaps positions
  int64_t strides[3] = {1, 1, 1};
  int64_t dilations[3] = {1, 1, 1};
  PostOpChain post_ops;
  bool scales_result = false;  ///< dst_scale_inverse is not 1
  DType dst = DType::kU8;      ///< u8, s8, f32; by plain loops bf16

  auto operator<=>(const QuantizedDepthwiseDesc&) const = default;

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  /// Whether the first post-op adds an fp32 number per channel: the bias beside a source whose scale is dynamic.
  bool has_real_bias() const;
  std::string name() const;  ///< "depthwise_u8s8u8_avx512_vnni_1x3x3s1x1x1_relu"
};

inline constexpr int64_t kMaxQuantizedTaps = 512;
inline constexpr int kMaxQuantizedDepthwiseOperands = 8;

/// The operand of one post-op, of the type that PostOpDesc says. Element (pixel, c) of a kTensor lies at
/// data[pixel * pixel_stride + c]; a kPerChannel has pixel_stride 0; of a kScalar only data[0] is read.
struct QuantizedDepthwiseOperand {
  const std::byte* data = nullptr;
  int64_t pixel_stride = 0;
  QuantizedOperand quantization;  ///< of u8 and s8
};

/// Sizes and addresses of one call. Pixels of src (dst) lie pixel_stride elements apart, at least `channels`.
struct QuantizedDepthwiseArgs {
  const uint8_t* src = nullptr;
  const int8_t* weights = nullptr;
  std::byte* dst = nullptr;
  int64_t n = 0, channels = 0;
  int64_t in[3] = {1, 1, 1};  ///< d, h, w
  int64_t out[3] = {1, 1, 1};
  int64_t pads[3] = {0, 0, 0};  ///< before the first pixel
  int64_t src_pixel_stride = 0, dst_pixel_stride = 0;
  const int32_t* bias = nullptr;       ///< [channels], or nullptr
  const float* multipliers = nullptr;  ///< [channels], or one
  bool multiplier_per_channel = false;
  int32_t src_zero_point = 0;  ///< of the padding; its product with the weights is in the bias
  float dst_scale_inverse = 1.0f;
  int32_t dst_zero_point = 0;
  // nullptr: not there.
  const int32_t* weight_zero_points = nullptr;  ///< [channels]; read by plain loops only
  const int32_t* weight_sums = nullptr;         ///< [channels], where the zero point is dynamic
  const int32_t* dynamic_zero_point = nullptr;  ///< replaces src_zero_point: one, or one for each of n
  const float* dynamic_scale = nullptr;         ///< likewise
  bool zero_point_per_image = false;
  bool scale_per_image = false;
  std::array<QuantizedDepthwiseOperand, kMaxQuantizedDepthwiseOperands> operands{};  ///< of post-ops that have one

  int32_t zero_point_of(int64_t image) const {
    return dynamic_zero_point == nullptr ? src_zero_point : dynamic_zero_point[zero_point_per_image ? image : 0];
  }
  /// 1 where it is static.
  float scale_of(int64_t image) const {
    return dynamic_scale == nullptr ? 1.0f : dynamic_scale[scale_per_image ? image : 0];
  }
};

/// Immutable; safe for concurrent calls; allocates nothing.
class QuantizedDepthwiseKernel {
 public:
  virtual ~QuantizedDepthwiseKernel() = default;

  const QuantizedDepthwiseDesc& desc() const { return desc_; }

  /// Independent blocks for `workers` threads. The result does not depend on the number.
  int64_t blocks(const QuantizedDepthwiseArgs& args, int workers) const;
  /// Private memory that one call of run() needs, aligned to 64.
  virtual std::size_t scratch_bytes(int64_t /*channels*/) const { return 0; }
  void run(const QuantizedDepthwiseArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const;

 protected:
  explicit QuantizedDepthwiseKernel(QuantizedDepthwiseDesc desc) : desc_(std::move(desc)) {}

  /// Before the first row of a call: what rows share goes to `scratch`.
  virtual void prepare(const QuantizedDepthwiseArgs& /*args*/, std::byte* /*scratch*/) const {}
  /// Then, and where zero point or scale are dynamic before the first row of each image: what its rows share.
  virtual void prepare_image(const QuantizedDepthwiseArgs& /*args*/, int64_t /*image*/, std::byte* /*scratch*/) const {}
  /// All output pixels of one row, [0, out[2]) at (image, od, oh).
  virtual void run_row(const QuantizedDepthwiseArgs& args, int64_t image, int64_t od, int64_t oh,
                       std::byte* scratch) const = 0;
  /// Plain loops over channels [first_channel, channels) of such a row.
  void run_row_plain(const QuantizedDepthwiseArgs& args, int64_t image, int64_t od, int64_t oh,
                     int64_t first_channel) const;

  const QuantizedDepthwiseDesc desc_;
};

using QuantizedDepthwiseKernelPtr = std::shared_ptr<const QuantizedDepthwiseKernel>;

/// The fastest kind of code that has what the descriptor asks for; `only_plain_has_it`: operands that only plain loops
/// read.
QuantizedDepthwiseIsa choose_quantized_depthwise(const QuantizedDepthwiseDesc& desc, bool only_plain_has_it,
                                                 const jit::CpuFeatures& cpu);

/// The kernel of desc.isa. kUnsupported: post-ops that check_post_ops refuses, too many taps or operands.
Result<QuantizedDepthwiseKernelPtr> build_quantized_depthwise(const QuantizedDepthwiseDesc& desc);
/// The part of it that writes code.
Result<QuantizedDepthwiseKernelPtr> build_quantized_depthwise_generated(const QuantizedDepthwiseDesc& desc);

}  // namespace tegula::kernels
