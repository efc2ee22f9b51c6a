#include "runtime/steps/depthwise_bf16.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/depthwise/depthwise.h"
#include "kernels/scratch.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/conv_window.h"
#include "runtime/steps/depthwise_bf16_walk.h"
#include "runtime/steps/depthwise_operands.h"
#include "runtime/steps/gemm_epilogue.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/widened_filters.h"

namespace tegula::runtime {
namespace {

using kernels::DepthwiseArgs;
using kernels::RowConverter;

constexpr int64_t kBandBytes = 256 << 10;  // of fp32 source, beside the results in L2

std::size_t lines(int64_t bytes) {
  return kernels::whole_lines(static_cast<std::size_t>(bytes));
}

/// Units are bands of output rows: the source's rows that a band needs become fp32 in scratch, between the zeros of
/// their padding, and go through the fp32 kernel, for which no pixel is at a border; what comes out is rounded into
/// dst. Sums are fp32, as of any bf16 product. The weights become fp32 when the step is bound.
class DepthwiseBf16Step final : public BoundStep {
 public:
  DepthwiseBf16Step(kernels::DepthwiseKernelPtr kernel, const DepthwiseArgs& sizes, StepEpilogue epilogue,
                    WidenedFilters filters, RowConverter to_real, RowConverter from_real, const BindContext& context)
      : kernel_(std::move(kernel)),
        sizes_(sizes),
        epilogue_(std::move(epilogue)),
        filters_(std::move(filters)),
        to_real_(std::move(to_real)),
        from_real_(std::move(from_real)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {
    const kernels::DepthwiseDesc& desc = kernel_->desc();
    width_ = sizes_.out[2] == 0 ? 0 : extent(2, sizes_.out[2]);
    const int64_t row_bytes = std::max<int64_t>(1, width_ * sizes_.channels * 4);
    const int64_t rows = std::max<int64_t>(1, kBandBytes / row_bytes - (desc.kernel[1] - 1) * desc.dilations[1]);
    band_ = std::clamp<int64_t>(rows / desc.strides[1], 1, std::max<int64_t>(1, sizes_.out[1]));
    bands_ = (sizes_.out[1] + band_ - 1) / band_;
    band_ = std::max<int64_t>(1, (sizes_.out[1] + bands_ - 1) / std::max<int64_t>(1, bands_));
    results_at_ = lines(extent(1, band_) * row_bytes);
    kernel_at_ = results_at_ + lines(band_ * sizes_.out[2] * sizes_.channels * 4);
    std::size_t next = 0;
    for (const kernels::PostOpDesc& op : desc.epilogue.post_ops) {
      if (op.operand == kernels::OperandKind::kNone) continue;
      const bool narrow = epilogue_.operands()[next].dtype == DType::kBF16;
      operands_at_[next++] = narrow ? kernel_at_ : kInPlace;
      if (narrow)
        kernel_at_ += lines(operand_pixels(op.operand, band_ * sizes_.out[2]) * operand_channels(op.operand) * 4);
    }
  }

  int64_t blocks(int workers) const override { return blocks_of_bytes(units(), dst_.count() * 16, workers); }
  std::size_t scratch_bytes() const override { return kernel_at_ + kernel_->scratch_bytes(sizes_.channels); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(units(), block, blocks);
    for (int64_t unit = range.begin; unit < range.end; ++unit)
      run_band(context, unit / bands_, unit % bands_ * band_, scratch);
  }

  std::string implementation() const override {
    return concat("depthwise_bf16_", kernels::name_of(kernel_->desc().isa));
  }
  bool plain_loops() const override { return kernel_->desc().isa == kernels::TileIsa::kPlain; }
  double flop() const override {
    return 2.0 * static_cast<double>(dst_.count()) * static_cast<double>(kernel_->desc().taps());
  }

 private:
  int64_t units() const { return sizes_.n * bands_; }
  /// Rows (dimension 1) or pixels (2) of the source that `outputs` of dst read.
  int64_t extent(int dim, int64_t outputs) const {
    const kernels::DepthwiseDesc& desc = kernel_->desc();
    return (outputs - 1) * desc.strides[dim] + (desc.kernel[dim] - 1) * desc.dilations[dim] + 1;
  }

  void run_band(const RunContext& context, int64_t image, int64_t first_row, std::byte* scratch) const {
    if (sizes_.out[2] == 0) return;
    const int64_t rows = std::min(band_, sizes_.out[1] - first_row);
    widen_rows(context, image, first_row * kernel_->desc().strides[1] - sizes_.pads[1], extent(1, rows), scratch);

    const int64_t first_pixel = (image * sizes_.out[1] + first_row) * sizes_.out[2], pixels = rows * sizes_.out[2];
    const auto dst_pixel_bytes = sizes_.dst_pixel_stride * static_cast<int64_t>(size_of(dst_.dtype));
    std::byte* dst = context.address(dst_) + first_pixel * dst_pixel_bytes;
    const bool direct = from_real_.changes_nothing();
    DepthwiseArgs args = sizes_;
    args.n = 1;
    args.in[1] = extent(1, rows);
    args.in[2] = width_;
    args.out[1] = rows;
    args.pads[1] = args.pads[2] = 0;
    args.src = reinterpret_cast<const float*>(scratch);
    args.src_pixel_stride = sizes_.channels;
    args.weights = filters_.data();
    args.dst = reinterpret_cast<float*>(direct ? dst : scratch + results_at_);
    args.dst_pixel_stride = direct ? sizes_.dst_pixel_stride : sizes_.channels;
    args.epilogue = epilogue_.args(context);
    place_operands(args.epilogue, first_pixel, pixels, scratch);
    kernel_->run(args, 0, 1, scratch + kernel_at_);
    if (!direct) convert_pixels(from_real_, scratch + results_at_, sizes_.channels * 4, dst, dst_pixel_bytes, pixels);
  }

  /// `rows` rows of the source from row `first` on, where rows and pixels that it does not have are zeros.
  void widen_rows(const RunContext& context, int64_t image, int64_t first, int64_t rows, std::byte* to) const {
    const int64_t pixel = sizes_.channels * 4, from_pixel = sizes_.src_pixel_stride * 2;
    const int64_t left = std::clamp<int64_t>(sizes_.pads[2], 0, width_);
    const int64_t skipped = std::max<int64_t>(-sizes_.pads[2], 0);
    const int64_t middle = std::clamp<int64_t>(sizes_.in[2] - skipped, 0, width_ - left);
    const auto zero = [&](int64_t pixels) {
      std::memset(to, 0, static_cast<std::size_t>(pixels * pixel));
      to += pixels * pixel;
    };
    for (int64_t row = first; row < first + rows; ++row) {
      if (row < 0 || row >= sizes_.in[1]) {
        zero(width_);
        continue;
      }
      zero(left);
      const int64_t from = (image * sizes_.in[1] + row) * sizes_.in[2] + skipped;
      convert_pixels(to_real_, context.address(src_) + from * from_pixel, from_pixel, to, pixel, middle);
      to += middle * pixel;
      zero(width_ - left - middle);
    }
  }

  int64_t operand_channels(kernels::OperandKind kind) const {
    return kind == kernels::OperandKind::kScalar ? 1 : sizes_.channels;
  }
  static int64_t operand_pixels(kernels::OperandKind kind, int64_t pixels) {
    return kind == kernels::OperandKind::kTensor ? pixels : 1;
  }

  /// Operands of post-ops: those of the band's pixels, those of bf16 as fp32 in scratch.
  void place_operands(kernels::EpilogueArgs& args, int64_t first_pixel, int64_t pixels, std::byte* scratch) const {
    std::size_t next = 0;
    for (const kernels::PostOpDesc& op : kernel_->desc().epilogue.post_ops) {
      if (op.operand == kernels::OperandKind::kNone) continue;
      const std::size_t at = operands_at_[next];
      const auto bytes = static_cast<int64_t>(size_of(epilogue_.operands()[next].dtype));
      kernels::EpilogueOperand& operand = args.operands[next++];
      const auto* data = static_cast<const std::byte*>(operand.data);
      if (op.operand == kernels::OperandKind::kTensor) data += first_pixel * operand.row_stride * bytes;
      operand.data = data;
      if (at == kInPlace) continue;
      const int64_t channels = operand_channels(op.operand), count = operand_pixels(op.operand, pixels);
      for (int64_t pixel = 0; pixel < count; ++pixel)
        to_real_(data + pixel * operand.row_stride * bytes, scratch + at + pixel * channels * 4, channels);
      operand.data = scratch + at;
      operand.row_stride = channels;
    }
  }

  /// Pixels of `channels` elements, all at once where neither side has gaps.
  void convert_pixels(const RowConverter& convert, const std::byte* from, int64_t from_bytes, std::byte* to,
                      int64_t to_bytes, int64_t pixels) const {
    if (sizes_.src_pixel_stride == sizes_.channels && sizes_.dst_pixel_stride == sizes_.channels)
      return convert(from, to, pixels * sizes_.channels);
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      convert(from + pixel * from_bytes, to + pixel * to_bytes, sizes_.channels);
  }

  kernels::DepthwiseKernelPtr kernel_;
  DepthwiseArgs sizes_;  // addresses are filled in for each run
  StepEpilogue epilogue_;
  WidenedFilters filters_;
  RowConverter to_real_, from_real_;
  BoundTensor src_, dst_;
  int64_t width_ = 0;                           // pixels of a widened row, with padding
  int64_t band_ = 1, bands_ = 0;                // output rows of a band; bands of an image
  std::size_t results_at_ = 0, kernel_at_ = 0;  // parts of scratch, behind the source's rows
  static constexpr std::size_t kInPlace = 0;    // of operands that are read where they lie
  std::array<std::size_t, kernels::kMaxEpilogueOperands> operands_at_{};
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_depthwise_bf16(const BindContext& context) {
  const schema::Conv& table = *context.step.attributes_as_Conv();
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  if (src.dtype != DType::kBF16 || (weights.dtype != DType::kBF16 && weights.dtype != DType::kF32) ||
      (dst.dtype != DType::kBF16 && dst.dtype != DType::kF32) || dst.rank != src.rank || src.rank < 3 ||
      src.dims[0] != dst.dims[0])
    return context.invalid("a bf16 depthwise convolution of ", name_of(src.dtype), to_string(src.shape()), " to ",
                           name_of(dst.dtype), to_string(dst.shape()), " with weights of ", name_of(weights.dtype));
  TEGULA_ASSIGN_OR_RETURN(const ConvWindow window, read_window(context, table, src));
  TEGULA_RETURN_IF_ERROR(check_sizes(context, window, src, dst));
  if (window.kernel[0] != 1 || spatial_dims(src)[0] != 1)
    return context.unsupported("a bf16 depthwise convolution of three spatial dimensions");
  TEGULA_RETURN_IF_ERROR(check_depthwise(context, window, src, weights, dst));
  const auto src_rows = src.as_rows(), dst_rows = dst.as_rows();
  if (!src_rows || !dst_rows) return context.invalid("pixels are not contiguous and evenly apart");
  const kernels::TileTypes types{DType::kBF16, DType::kBF16, dst.dtype};  // of the epilogue: real sums
  TEGULA_ASSIGN_OR_RETURN(StepEpilogue epilogue, StepEpilogue::read_typed(context, types, 1.0f, nullptr, dst));
  kernels::DepthwiseDesc desc;
  TEGULA_ASSIGN_OR_RETURN(desc.isa, tile_isa_for(context, {}));
  desc.epilogue = epilogue.desc();
  for (kernels::PostOpDesc& op : desc.epilogue.post_ops)  // the step makes fp32 of them
    if (op.operand != kernels::OperandKind::kNone && op.operand_dtype == DType::kBF16) op.operand_dtype = DType::kF32;
  DepthwiseArgs sizes;
  place_window(window, src, dst, src_rows->row_stride, dst_rows->row_stride, desc, sizes);
  TEGULA_ASSIGN_OR_RETURN(RowConverter to_real, converter_to_real(context, src, {}, "src"));
  TEGULA_ASSIGN_OR_RETURN(auto walk, bind_depthwise_bf16_walk(context, desc, sizes, epilogue, to_real));
  if (walk != nullptr) return walk;
  const auto kernel = context.kernels.cache<kernels::DepthwiseDesc, kernels::DepthwiseKernel>().get_or_build(
      desc, kernels::build_depthwise);
  if (!kernel.ok()) return context.unsupported(kernel.error().message);
  TEGULA_ASSIGN_OR_RETURN(RowConverter from_real, converter_from_real(context, dst, {}, "dst"));
  WidenedFilters filters(weights, sizes.channels, desc.taps(), to_real);
  return std::unique_ptr<BoundStep>(std::make_unique<DepthwiseBf16Step>(
      *kernel, sizes, std::move(epilogue), std::move(filters), std::move(to_real), std::move(from_real), context));
}

}  // namespace tegula::runtime
