#include "kernels/conv/conv.h"

#include "kernels/conv/reference.h"
#include "kernels/depthwise/depthwise.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/conv_int8.h"
#include "runtime/steps/conv_window.h"
#include "runtime/steps/depthwise_bf16.h"
#include "runtime/steps/depthwise_int8.h"
#include "runtime/steps/depthwise_operands.h"
#include "runtime/steps/gemm_epilogue.h"

namespace tegula::runtime {
namespace {

using kernels::TensorView;
using kernels::TileIsa;

/// What all three kinds of convolution share.
class ConvStepBase : public BoundStep {
 public:
  ConvStepBase(StepEpilogue epilogue, const ConvWindow& window, const BindContext& context)
      : epilogue_(std::move(epilogue)), src_(context.inputs[0]), weights_(context.inputs[1]), dst_(context.outputs[0]) {
    const int64_t ic = src_.dims[static_cast<std::size_t>(src_.rank - 1)];
    flop_ = 2.0 * static_cast<double>(dst_.count()) * static_cast<double>(window.positions()) *
            static_cast<double>(ic / window.groups);
  }

  double flop() const override { return flop_; }

 protected:
  StepEpilogue epilogue_;
  BoundTensor src_, weights_, dst_;
  double flop_;
};

class ConvStep final : public ConvStepBase {
 public:
  ConvStep(kernels::TileSetPtr tiles, const kernels::ConvShape& shape, StepEpilogue epilogue, const ConvWindow& window,
           const BindContext& context)
      : ConvStepBase(std::move(epilogue), window, context), kernel_(std::move(tiles), shape) {
    if (const auto& quantized = epilogue_.quantized()) {
      zero_point_ = quantized->src_zero_point;
      padding_ = static_cast<uint8_t>(quantized->static_src_zero_point);
    }
  }

  int64_t blocks(int workers) const override { return kernel_.blocks(workers); }
  std::size_t scratch_bytes() const override { return kernel_.scratch_bytes(); }
  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const auto* const zero_point = context.data<const int32_t>(zero_point_);
    const bool per_image = epilogue_.desc().quantized.src_zero_point == kernels::DynamicValue::kPerRow;
    const auto padding = zero_point != nullptr && !per_image ? static_cast<uint8_t>(*zero_point) : padding_;
    kernel_.run({context.address(src_), context.address(weights_), context.address(dst_), epilogue_.args(context),
                 padding, per_image ? zero_point : nullptr},
                block, blocks, scratch);
  }
  std::string implementation() const override {
    return concat("conv_", kernel_.tiles().desc().types.name(), "_", kernels::name_of(isa()));
  }
  bool plain_loops() const override { return isa() == TileIsa::kPlain; }

 private:
  TileIsa isa() const { return kernel_.tiles().desc().isa; }

  kernels::ConvKernel kernel_;
  BoundTensor zero_point_;  // dynamic
  uint8_t padding_ = 0;
};

class DepthwiseStep final : public ConvStepBase {
 public:
  DepthwiseStep(kernels::DepthwiseKernelPtr kernel, const kernels::DepthwiseArgs& sizes, StepEpilogue epilogue,
                const ConvWindow& window, const BindContext& context)
      : ConvStepBase(std::move(epilogue), window, context), kernel_(std::move(kernel)), sizes_(sizes) {}

  int64_t blocks(int workers) const override { return kernel_->blocks(sizes_, workers); }
  std::size_t scratch_bytes() const override { return kernel_->scratch_bytes(sizes_.channels); }
  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    kernels::DepthwiseArgs args = sizes_;
    args.src = context.data<const float>(src_);
    args.weights = context.data<const float>(weights_);
    args.dst = context.data<float>(dst_);
    args.epilogue = epilogue_.args(context);
    kernel_->run(args, block, blocks, scratch);
  }
  std::string implementation() const override {
    return concat("depthwise_f32_", kernels::name_of(kernel_->desc().isa));
  }
  bool plain_loops() const override { return kernel_->desc().isa == TileIsa::kPlain; }

 private:
  kernels::DepthwiseKernelPtr kernel_;
  kernels::DepthwiseArgs sizes_;  // addresses are filled in for each run
};

/// Weights that are computed while the program runs are not packed: plain loops.
class PlainConvStep final : public ConvStepBase {
 public:
  PlainConvStep(StepEpilogue epilogue, const ConvWindow& window, const BindContext& context)
      : ConvStepBase(std::move(epilogue), window, context),
        desc_{window.own(window.strides), window.own(window.dilations), window.own(window.pads_begin), window.groups,
              epilogue_.desc()} {}

  void run(const RunContext& context, int64_t, int64_t, std::byte*) const override {
    std::array<TensorView, kernels::kMaxEpilogueOperands> operands;
    std::size_t count = 0;
    for (const BoundTensor& operand : epilogue_.operands())
      operands[count++] = channels_first(with_rank(context.view(operand), dst_.rank));
    const TensorView bias = epilogue_.bias().present() ? context.view(epilogue_.bias()) : TensorView();
    conv_reference(desc_, epilogue_.alpha(), channels_first(context.view(src_)), context.view(weights_), bias,
                   std::span(operands).first(count), channels_first(context.view(dst_)));
  }
  std::string implementation() const override { return "plain"; }
  bool plain_loops() const override { return true; }

 private:
  /// With leading dimensions of 1.
  static TensorView with_rank(const TensorView& view, int rank) {
    std::array<int64_t, kernels::kMaxRank> dims;
    dims.fill(1);
    for (int d = 0; d < view.rank; ++d)
      dims[static_cast<std::size_t>(rank - view.rank + d)] = view.dims[static_cast<std::size_t>(d)];
    return view.broadcast_to({dims.data(), static_cast<std::size_t>(rank)});
  }
  /// [n, spatial..., c] as [n, c, spatial...].
  static TensorView channels_first(const TensorView& view) {
    std::array<int, kernels::kMaxRank> order{0, view.rank - 1};
    for (int d = 1; d + 1 < view.rank; ++d) order[static_cast<std::size_t>(d + 1)] = d;
    TensorView permuted = view.permuted({order.data(), static_cast<std::size_t>(view.rank)});
    permuted.rank = view.rank;
    return permuted;
  }

  kernels::ConvDesc desc_;
};

Result<std::unique_ptr<BoundStep>> bind_depthwise(const BindContext& context, const ConvWindow& window,
                                                  StepEpilogue epilogue, int64_t src_stride, int64_t dst_stride) {
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  TEGULA_RETURN_IF_ERROR(check_depthwise(context, window, src, weights, dst));
  kernels::DepthwiseDesc desc;
  TEGULA_ASSIGN_OR_RETURN(desc.isa, tile_isa_for(context, epilogue.desc()));
  desc.epilogue = epilogue.desc();
  kernels::DepthwiseArgs sizes;
  place_window(window, src, dst, src_stride, dst_stride, desc, sizes);
  TEGULA_ASSIGN_OR_RETURN(kernels::DepthwiseKernelPtr kernel,
                          context.kernels.cache<kernels::DepthwiseDesc, kernels::DepthwiseKernel>().get_or_build(
                              desc, kernels::build_depthwise));
  return std::unique_ptr<BoundStep>(
      std::make_unique<DepthwiseStep>(std::move(kernel), sizes, std::move(epilogue), window, context));
}

Result<std::unique_ptr<BoundStep>> bind_packed(const BindContext& context, const ConvWindow& window,
                                               const kernels::TileTypes& types, StepEpilogue epilogue,
                                               int64_t groups_per_block, int64_t src_stride, int64_t dst_stride) {
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  kernels::ConvShape shape;
  shape.batch = src.dims[0];
  shape.ic = src.dims[static_cast<std::size_t>(src.rank - 1)];
  shape.oc = dst.dims[static_cast<std::size_t>(dst.rank - 1)];
  shape.in = spatial_dims(src);
  shape.out = spatial_dims(dst);
  shape.kernel = window.kernel;
  shape.strides = window.strides;
  shape.dilations = window.dilations;
  shape.pads_begin = window.pads_begin;
  shape.groups = window.groups;
  shape.src_pixel_stride = src_stride;
  shape.dst_pixel_stride = dst_stride;
  shape.groups_per_block = groups_per_block;
  const kernels::PackedConv packed = packed_weights(shape, types.packing());
  const kernels::PackedMatrix block = packed.block();
  const int64_t expected[] = {packed.blocks(), block.taps, block.k, block.n};
  if (!std::ranges::equal(weights.shape(), expected))
    return context.invalid("packed weights of ", to_string(weights.shape()), " where ", to_string(expected),
                           " are needed");
  const kernels::TileDepth depth(types, nullptr, block.taps, block.k, block.rows_per_tap());
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr tiles, tiles_for(context, epilogue.desc(), types, &depth));
  return std::unique_ptr<BoundStep>(
      std::make_unique<ConvStep>(std::move(tiles), shape, std::move(epilogue), window, context));
}

Result<std::unique_ptr<BoundStep>> bind_plain(const BindContext& context, const ConvWindow& window,
                                              StepEpilogue epilogue) {
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  const int64_t ic = src.dims[static_cast<std::size_t>(src.rank - 1)],
                oc = dst.dims[static_cast<std::size_t>(dst.rank - 1)];
  std::vector<int64_t> expected{oc, ic / window.groups};
  for (const int64_t extent : window.own(window.kernel)) expected.push_back(extent);
  if (!std::ranges::equal(weights.shape(), expected))
    return context.invalid("weights of ", to_string(weights.shape()), " where ", to_string(expected), " are needed");
  return std::unique_ptr<BoundStep>(std::make_unique<PlainConvStep>(std::move(epilogue), window, context));
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_conv(const BindContext& context) {
  const schema::Conv& table = *context.step.attributes_as_Conv();
  if (context.inputs.size() < 2 || context.inputs.size() > 3 || context.outputs.size() != 1 ||
      !context.inputs[0].present() || !context.inputs[1].present() || !context.outputs[0].present())
    return context.invalid("conv takes a value, weights and perhaps a bias to one value");
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  if (table.requantize() != nullptr && weights.packing == Packing::kDepthwise) return bind_depthwise_int8(context);
  if (src.dtype == DType::kBF16 && weights.packing == Packing::kDepthwise) return bind_depthwise_bf16(context);
  if (dst.rank != src.rank || src.rank < 3 || src.dims[0] != dst.dims[0])
    return context.invalid("a convolution of ", to_string(src.shape()), " to ", to_string(dst.shape()));
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileTypes types,
                          product_types(context, src, weights, dst, table.requantize()));
  TEGULA_ASSIGN_OR_RETURN(const ConvWindow window, read_window(context, table, src));
  TEGULA_RETURN_IF_ERROR(check_sizes(context, window, src, dst));
  const auto channels = static_cast<std::size_t>(src.rank - 1);
  if (src.dims[channels] % window.groups != 0 || dst.dims[channels] % window.groups != 0)
    return context.invalid(src.dims[channels], " channels to ", dst.dims[channels], " in ", window.groups, " groups");
  const auto per_block = static_cast<int64_t>(std::min<uint64_t>(table.groups_per_block(), UINT32_MAX));
  if (per_block < 1 || window.groups % per_block != 0)
    return context.invalid(window.groups, " groups, ", per_block, " to a block");
  if (types == kernels::kF32Product && per_block != 1)
    return context.unsupported("fp32 weights of several groups in one block");

  const auto src_rows = src.as_rows(), dst_rows = dst.as_rows();
  // Zero points of weights count the sources of their own group only.
  const bool several_sums = types.integer() && per_block > 1 && table.requantize()->weight_zero_points() >= 0;
  if (types.integer() && (!src_rows || !dst_rows || several_sums)) return bind_conv_int8(context);
  TEGULA_ASSIGN_OR_RETURN(StepEpilogue epilogue,
                          StepEpilogue::read_typed(context, types, 1.0f, table.requantize(), dst, {}, dst.dims[0]));
  if (weights.packing == Packing::kPlain) {
    if (types != kernels::kF32Product) return context.unsupported("weights of ", name_of(weights.dtype), " not packed");
    context.decline("generated code", "its weights are computed, so that they are not packed");
    return bind_plain(context, window, std::move(epilogue));
  }
  if (!src_rows || !dst_rows) return context.invalid("pixels are not contiguous and evenly apart");
  if (weights.packing == Packing::kDepthwise && types == kernels::kF32Product)
    return bind_depthwise(context, window, std::move(epilogue), src_rows->row_stride, dst_rows->row_stride);
  if (weights.packing != types.packing())
    return context.invalid("weights of ", name_of(weights.dtype), " in a packing of other types");
  return bind_packed(context, window, types, std::move(epilogue), per_block, src_rows->row_stride,
                     dst_rows->row_stride);
}

}  // namespace tegula::runtime
