#include "kernels/depthwise/depthwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/gemm/packed_size.h"

namespace tegula::kernels {
namespace {

// A block is worth handing to another thread from about this many multiply-adds on.
constexpr int64_t kLeastBlockWork = 1 << 16;

int64_t rows_of(const DepthwiseArgs& args) {
  return args.n * args.out[0] * args.out[1];
}

/// The meaning of DepthwiseDesc in plain loops, over packed weights.
class PlainDepthwise final : public DepthwiseKernel {
 public:
  explicit PlainDepthwise(DepthwiseDesc desc) : DepthwiseKernel(std::move(desc)) {}

 private:
  void run_row(const DepthwiseArgs& args, int64_t image, int64_t od, int64_t oh, std::byte*) const override {
    const int64_t row = (image * args.out[0] + od) * args.out[1] + oh;
    for (int64_t ow = 0; ow < args.out[2]; ++ow) {
      const int64_t pixel = row * args.out[2] + ow;
      for (int64_t c = 0; c < args.channels; ++c)
        args.dst[pixel * args.dst_pixel_stride + c] =
            apply_epilogue(desc_.epilogue, args.epilogue, sum(args, image, {od, oh, ow}, c), pixel, c);
    }
  }

  float sum(const DepthwiseArgs& args, int64_t image, const std::array<int64_t, 3>& out, int64_t c) const {
    const float* weights = args.weights + c / kPanelColumns * desc_.taps() * kPanelColumns + c % kPanelColumns;
    float acc = 0;
    for (int64_t kd = 0; kd < desc_.kernel[0]; ++kd)
      for (int64_t kh = 0; kh < desc_.kernel[1]; ++kh)
        for (int64_t kw = 0; kw < desc_.kernel[2]; ++kw, weights += kPanelColumns)
          acc = std::fma(source(args, image, out, {kd, kh, kw}, c), *weights, acc);
    return acc;
  }

  float source(const DepthwiseArgs& args, int64_t image, const std::array<int64_t, 3>& out,
               const std::array<int64_t, 3>& tap, int64_t c) const {
    int64_t pixel = image;
    for (std::size_t i = 0; i < 3; ++i) {
      const int64_t at = out[i] * desc_.strides[i] - args.pads[i] + tap[i] * desc_.dilations[i];
      if (at < 0 || at >= args.in[i]) return 0;
      pixel = pixel * args.in[i] + at;
    }
    return args.src[pixel * args.src_pixel_stride + c];
  }
};

}  // namespace

std::string DepthwiseDesc::name() const {
  std::string text = concat("depthwise_f32_", name_of(isa), "_", kernel[0], "x", kernel[1], "x", kernel[2], "s",
                            strides[0], "x", strides[1], "x", strides[2]);
  if (dilations[0] != 1 || dilations[1] != 1 || dilations[2] != 1)
    text += concat("d", dilations[0], "x", dilations[1], "x", dilations[2]);
  return text + "_" + epilogue.name();
}

int64_t DepthwiseKernel::blocks(const DepthwiseArgs& args, int workers) const {
  const int64_t rows = rows_of(args);
  const int64_t work = rows * args.out[2] * args.channels * desc_.taps();
  if (workers <= 1 || rows <= 1) return 1;
  return std::clamp<int64_t>(work / kLeastBlockWork, 1, std::min<int64_t>(rows, 4 * workers));
}

std::size_t DepthwiseKernel::scratch_bytes(int64_t channels) const {
  const auto padded = static_cast<std::size_t>((channels + kPanelColumns - 1) / kPanelColumns * kPanelColumns);
  return desc_.isa == TileIsa::kPlain ? 0 : padded * sizeof(float);
}

void DepthwiseKernel::run(const DepthwiseArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const {
  if (const std::size_t zeros = scratch_bytes(args.channels))
    std::memset(scratch, 0, zeros);  // what taps in the padding read
  const int64_t rows = rows_of(args);
  for (int64_t row = rows * block / blocks; row < rows * (block + 1) / blocks; ++row)
    run_row(args, row / (args.out[0] * args.out[1]), row / args.out[1] % args.out[0], row % args.out[1], scratch);
}

Result<DepthwiseKernelPtr> build_depthwise(const DepthwiseDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_epilogue(desc.epilogue));
  if (desc.taps() > kMaxDepthwiseTaps)
    return Error{ErrorCode::kUnsupported, concat(desc.name(), ": more than ", kMaxDepthwiseTaps, " kernel positions")};
  if (desc.isa == TileIsa::kPlain) return DepthwiseKernelPtr(std::make_shared<PlainDepthwise>(desc));
  return build_depthwise_generated(desc);
}

}  // namespace tegula::kernels
