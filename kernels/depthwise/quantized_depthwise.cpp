#include "kernels/depthwise/quantized_depthwise.h"

#include <algorithm>

#include "kernels/gemm/packed_size.h"

namespace tegula::kernels {
namespace {

// A block is worth handing to another thread from about this many multiply-adds on.
constexpr int64_t kLeastBlockWork = 1 << 17;

/// The meaning of QuantizedDepthwiseDesc, over packed weights.
class PlainQuantizedDepthwise final : public QuantizedDepthwiseKernel {
 public:
  explicit PlainQuantizedDepthwise(QuantizedDepthwiseDesc desc) : QuantizedDepthwiseKernel(std::move(desc)) {}

 private:
  void run_row(const QuantizedDepthwiseArgs& args, int64_t image, int64_t od, int64_t oh, std::byte*) const override {
    run_row_plain(args, image, od, oh, 0);
  }
};

/// The source's pixel for output `out` and kernel position `tap`; -1 in the padding.
int64_t source_pixel(const QuantizedDepthwiseDesc& desc, const QuantizedDepthwiseArgs& args, int64_t image,
                     const std::array<int64_t, 3>& out, const std::array<int64_t, 3>& tap) {
  int64_t pixel = image;
  for (std::size_t i = 0; i < 3; ++i) {
    const int64_t at = out[i] * desc.strides[i] - args.pads[i] + tap[i] * desc.dilations[i];
    if (at < 0 || at >= args.in[i]) return -1;
    pixel = pixel * args.in[i] + at;
  }
  return pixel;
}

int32_t accumulator(const QuantizedDepthwiseDesc& desc, const QuantizedDepthwiseArgs& args, int64_t image,
                    const std::array<int64_t, 3>& out, int64_t c) {
  const int8_t* weights = args.weights + c / kPanelColumns * desc.taps() * kPanelColumns + c % kPanelColumns;
  const int32_t zero_point = args.zero_point_of(image);
  const auto value = [&](const int32_t* values) { return values == nullptr ? 0U : static_cast<uint32_t>(values[c]); };
  uint32_t products = 0, sources = 0;
  for (int64_t kd = 0; kd < desc.kernel[0]; ++kd)
    for (int64_t kh = 0; kh < desc.kernel[1]; ++kh)
      for (int64_t kw = 0; kw < desc.kernel[2]; ++kw, weights += kPanelColumns) {
        const int64_t pixel = source_pixel(desc, args, image, out, {kd, kh, kw});
        const int32_t x = pixel < 0 ? zero_point : args.src[pixel * args.src_pixel_stride + c];
        products += static_cast<uint32_t>(x * *weights);
        sources += static_cast<uint32_t>(x);
      }
  const uint32_t weight_zero_point = value(args.weight_zero_points);
  uint32_t acc = products + value(args.bias) - weight_zero_point * sources;
  if (args.dynamic_zero_point != nullptr) {
    const auto z = static_cast<uint32_t>(zero_point);
    acc += static_cast<uint32_t>(desc.taps()) * z * weight_zero_point - z * value(args.weight_sums);
  }
  return static_cast<int32_t>(acc);
}

}  // namespace

std::string QuantizedDepthwiseDesc::name() const {
  constexpr std::string_view kIsaNames[] = {"plain", "avx2", "avx512", "avx512_vnni"};
  std::string text =
      concat("depthwise_u8s8", name_of(dst), "_", kIsaNames[static_cast<std::size_t>(isa)], "_", kernel[0], "x",
             kernel[1], "x", kernel[2], "s", strides[0], "x", strides[1], "x", strides[2]);
  if (dilations[0] != 1 || dilations[1] != 1 || dilations[2] != 1)
    text += concat("d", dilations[0], "x", dilations[1], "x", dilations[2]);
  return post_ops.empty() ? text : text + "_" + kernels::to_string(post_ops);
}

bool QuantizedDepthwiseDesc::has_real_bias() const {
  return !post_ops.empty() && post_ops[0].function == Function::k_add &&
         post_ops[0].operand == OperandKind::kPerChannel && post_ops[0].operand_dtype == DType::kF32;
}

int64_t QuantizedDepthwiseKernel::blocks(const QuantizedDepthwiseArgs& args, int workers) const {
  const int64_t rows = args.n * args.out[0] * args.out[1];
  if (workers <= 1 || rows <= 1) return 1;
  const int64_t work = rows * args.out[2] * args.channels * desc_.taps();
  return std::clamp<int64_t>(work / kLeastBlockWork, 1, std::min<int64_t>(rows, int64_t{4} * workers));
}

void QuantizedDepthwiseKernel::run(const QuantizedDepthwiseArgs& args, int64_t block, int64_t blocks,
                                   std::byte* scratch) const {
  const int64_t rows = args.n * args.out[0] * args.out[1];
  if (rows == 0 || args.out[2] == 0 || args.channels == 0) return;
  prepare(args, scratch);
  const bool is_dynamic = args.dynamic_zero_point != nullptr || args.dynamic_scale != nullptr;
  int64_t prepared = -1;
  for (int64_t row = rows * block / blocks; row < rows * (block + 1) / blocks; ++row) {
    const int64_t image = row / (args.out[0] * args.out[1]);
    if (prepared < 0 || (is_dynamic && image != prepared)) prepare_image(args, image, scratch);
    prepared = image;
    run_row(args, image, row / args.out[1] % args.out[0], row % args.out[1], scratch);
  }
}

void QuantizedDepthwiseKernel::run_row_plain(const QuantizedDepthwiseArgs& args, int64_t image, int64_t od, int64_t oh,
                                             int64_t first_channel) const {
  const int64_t row = (image * args.out[0] + od) * args.out[1] + oh;
  for (int64_t ow = 0; ow < args.out[2]; ++ow) {
    const int64_t pixel = row * args.out[2] + ow;
    for (int64_t c = first_channel; c < args.channels; ++c) {
      const int32_t acc = accumulator(desc_, args, image, {od, oh, ow}, c);
      float multiplier = args.multipliers[args.multiplier_per_channel ? c : 0];
      if (args.dynamic_scale != nullptr) multiplier *= args.scale_of(image);
      float f = static_cast<float>(acc) * multiplier;
      std::size_t next = 0;
      for (const PostOpDesc& op : desc_.post_ops) {
        float value = 0;
        if (op.operand != OperandKind::kNone) {
          const QuantizedDepthwiseOperand& operand = args.operands[next++];
          const int64_t i = op.operand == OperandKind::kScalar ? 0 : pixel * operand.pixel_stride + c;
          value = real_at(op.operand_dtype, operand.data, i, operand.quantization);
        }
        f = apply_post_ops({&op, 1}, f, {&value, 1});
      }
      const int64_t at = pixel * args.dst_pixel_stride + c;
      store_real(desc_.dst, args.dst, at, f, {args.dst_scale_inverse, args.dst_zero_point});
    }
  }
}

QuantizedDepthwiseIsa choose_quantized_depthwise(const QuantizedDepthwiseDesc& desc, bool only_plain_has_it,
                                                 const jit::CpuFeatures& cpu) {
  const bool has_operands = std::any_of(desc.post_ops.begin() + (desc.has_real_bias() ? 1 : 0), desc.post_ops.end(),
                                        [](const PostOpDesc& op) { return op.operand != OperandKind::kNone; });
  if (only_plain_has_it || has_operands || !(is_quantized(desc.dst) || desc.dst == DType::kF32) || !cpu.avx2)
    return QuantizedDepthwiseIsa::kPlain;
  if (!cpu.avx512) return QuantizedDepthwiseIsa::kAvx2;
  return cpu.avx512_vnni ? QuantizedDepthwiseIsa::kAvx512Vnni : QuantizedDepthwiseIsa::kAvx512;
}

Result<QuantizedDepthwiseKernelPtr> build_quantized_depthwise(const QuantizedDepthwiseDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_post_ops(desc.post_ops));
  const auto operands = std::count_if(desc.post_ops.begin(), desc.post_ops.end(),
                                      [](const PostOpDesc& op) { return op.operand != OperandKind::kNone; });
  if (operands > kMaxQuantizedDepthwiseOperands)
    return Error{ErrorCode::kUnsupported, concat(desc.name(), ": ", operands, " operands of post-ops")};
  if (desc.taps() < 1 || desc.taps() > kMaxQuantizedTaps)
    return Error{ErrorCode::kUnsupported, concat(desc.name(), ": more than ", kMaxQuantizedTaps, " kernel positions")};
  if (!is_real_or_quantized(desc.dst))
    return Error{ErrorCode::kUnsupported, concat(desc.name(), ": results of ", name_of(desc.dst))};
  if (desc.isa == QuantizedDepthwiseIsa::kPlain)
    return QuantizedDepthwiseKernelPtr(std::make_shared<PlainQuantizedDepthwise>(desc));
  return build_quantized_depthwise_generated(desc);
}

}  // namespace tegula::kernels
