#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "kernels/depthwise/depthwise.h"

namespace tegula::kernels {

/// Depthwise convolutions of two dimensions from bf16 to bf16, in one pass: what DepthwiseDesc says of the widened
/// source and fp32 weights, rounded once at the end. For each 16 (AVX2: 8) channels the code walks along a row of dst,
/// and the pixels under the filter stay in registers: of a step to the right only the new ones are loaded and widened.
struct Bf16DepthwiseDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  bool instructions = false;    ///< AVX-512 BF16
  int64_t kernel[2] = {1, 1};   ///< h, w
  int64_t strides[2] = {1, 1};  ///< of rows any; of columns at most kernel[1]
  EpilogueDesc epilogue;        ///< post-ops without operands

  auto operator<=>(const Bf16DepthwiseDesc&) const = default;

  int64_t taps() const { return kernel[0] * kernel[1]; }
  std::string name() const;  ///< "depthwise_bf16_avx512_3x3s1x1_bias+relu"
};

/// Why there is no such kernel, for so many channels; nullopt: there is.
std::optional<std::string> bf16_depthwise_refusal(const Bf16DepthwiseDesc& desc, int64_t channels);

/// Sizes and addresses of one call. Pixels of src (dst) lie pixel_stride elements apart, at least `channels`.
struct Bf16DepthwiseArgs {
  const uint16_t* src = nullptr;
  const float* weights = nullptr;  ///< PackedDepthwise: [c/16][taps][16]
  const float* bias = nullptr;
  uint16_t* dst = nullptr;
  int64_t n = 0, channels = 0;
  int64_t in[2] = {1, 1};  ///< h, w
  int64_t out[2] = {1, 1};
  int64_t pads[2] = {0, 0};  ///< before the first pixel, negative where the first ones are not read
  int64_t src_pixel_stride = 0, dst_pixel_stride = 0;

  int64_t rows() const { return n * out[0]; }
};

struct Bf16DepthwiseCall;

/// Immutable; safe for concurrent calls; allocates nothing.
class Bf16DepthwiseKernel {
 public:
  explicit Bf16DepthwiseKernel(const Bf16DepthwiseDesc& desc);
  ~Bf16DepthwiseKernel();

  const Bf16DepthwiseDesc& desc() const { return desc_; }

  /// Rows [begin, end) of args.rows(): those of dst, image after image.
  void run(const Bf16DepthwiseArgs& args, int64_t begin, int64_t end) const;

 private:
  class Code;

  const Bf16DepthwiseDesc desc_;
  std::unique_ptr<const Code> code_;
};

using Bf16DepthwiseKernelPtr = std::shared_ptr<const Bf16DepthwiseKernel>;

/// kUnsupported: what bf16_depthwise_refusal() says of the descriptor.
Result<Bf16DepthwiseKernelPtr> build_bf16_depthwise(const Bf16DepthwiseDesc& desc);

}  // namespace tegula::kernels
