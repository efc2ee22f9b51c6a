#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile_set.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Everything that shapes the code of one depthwise convolution: each channel with a filter of its own,
///
///   dst[n, od, oh, ow, c] = epilogue(sum over (kd, kh, kw) of src[n, od*sd - pd + kd*dd, ..., c] * weights[c, kd, kh,
///   kw])
///
/// in f32, channels last, kd, kh, kw ascending, one fused multiply-add each, from +0; padding takes part as +0. 1-D and
/// 2-D convolutions have leading dimensions of 1. Weights are packed as PackedDepthwise says: [c/16][taps][16].
struct DepthwiseDesc {
  TileIsa isa = TileIsa::kPlain;
  int64_t kernel[3] = {1, 1, 1};  ///< d, h, w; at most kMaxDepthwiseTaps positions
  int64_t strides[3] = {1, 1, 1};
  int64_t dilations[3] = {1, 1, 1};
  EpilogueDesc epilogue;

  auto operator<=>(const DepthwiseDesc&) const = default;

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::string name() const;  ///< "depthwise_f32_avx512_1x3x3s1x2x2_bias+relu"
};

inline constexpr int64_t kMaxDepthwiseTaps = 512;

/// Sizes and addresses of one call. Pixels of src (dst) lie pixel_stride elements apart, at least `channels`.
struct DepthwiseArgs {
  const float* src = nullptr;
  const float* weights = nullptr;
  float* dst = nullptr;
  int64_t n = 0, channels = 0;
  int64_t in[3] = {1, 1, 1};  ///< d, h, w
  int64_t out[3] = {1, 1, 1};
  int64_t pads[3] = {0, 0, 0};  ///< before the first pixel; what is needed behind the last follows from the sizes
  int64_t src_pixel_stride = 0, dst_pixel_stride = 0;
  EpilogueArgs epilogue;  ///< rows of its operands are pixels of dst, in order
};

/// Immutable; safe for concurrent calls; allocates nothing.
class DepthwiseKernel {
 public:
  virtual ~DepthwiseKernel() = default;

  const DepthwiseDesc& desc() const { return desc_; }

  /// Independent blocks for `workers` threads. The result does not depend on the number.
  int64_t blocks(const DepthwiseArgs& args, int workers) const;
  /// Private memory that one call of run() needs, aligned to 64.
  std::size_t scratch_bytes(int64_t channels) const;
  void run(const DepthwiseArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const;

 protected:
  explicit DepthwiseKernel(DepthwiseDesc desc) : desc_(std::move(desc)) {}

  /// All output pixels of one row, [0, out[2]) at (image, od, oh).
  virtual void run_row(const DepthwiseArgs& args, int64_t image, int64_t od, int64_t oh, std::byte* scratch) const = 0;

  const DepthwiseDesc desc_;
};

using DepthwiseKernelPtr = std::shared_ptr<const DepthwiseKernel>;

/// The kernel of desc.isa. kUnsupported: an epilogue that check_epilogue refuses, too many taps.
Result<DepthwiseKernelPtr> build_depthwise(const DepthwiseDesc& desc);
/// The part of build_depthwise that writes code; kAvx2 and kAvx512 only.
Result<DepthwiseKernelPtr> build_depthwise_generated(const DepthwiseDesc& desc);

}  // namespace tegula::kernels
