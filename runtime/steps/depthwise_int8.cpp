#include "runtime/steps/depthwise_int8.h"

#include "kernels/depthwise/quantized_depthwise.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/conv_window.h"
#include "runtime/steps/depthwise_operands.h"
#include "runtime/steps/gemm_epilogue.h"
#include "runtime/steps/quantized_operands.h"

namespace tegula::runtime {
namespace {

using kernels::QuantizedDepthwiseArgs;
using kernels::QuantizedDepthwiseDesc;

class QuantizedDepthwiseStep final : public BoundStep {
 public:
  QuantizedDepthwiseStep(kernels::QuantizedDepthwiseKernelPtr kernel, const QuantizedDepthwiseArgs& sizes,
                         QuantizedOperands quantized, StepEpilogue epilogue, const BindContext& context)
      : kernel_(std::move(kernel)),
        sizes_(sizes),
        quantized_(std::move(quantized)),
        epilogue_(std::move(epilogue)),
        src_(context.inputs[0]),
        weights_(context.inputs[1]),
        dst_(context.outputs[0]) {}

  int64_t blocks(int workers) const override { return kernel_->blocks(sizes_, workers); }
  std::size_t scratch_bytes() const override { return kernel_->scratch_bytes(sizes_.channels); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    QuantizedDepthwiseArgs args = sizes_;
    args.src = context.data<const uint8_t>(src_);
    args.weights = context.data<const int8_t>(weights_);
    args.dst = context.address(dst_);
    args.bias = context.data<const int32_t>(quantized_.bias);
    args.multipliers = context.data<const float>(quantized_.multipliers);
    args.weight_zero_points = context.data<const int32_t>(quantized_.weight_zero_points);
    args.weight_sums = context.data<const int32_t>(quantized_.weight_sums);
    args.dynamic_zero_point = context.data<const int32_t>(quantized_.src_zero_point);
    args.dynamic_scale = context.data<const float>(quantized_.src_scale);
    const kernels::EpilogueArgs operands = epilogue_.args(context);
    for (std::size_t i = 0; i < args.operands.size(); ++i)
      args.operands[i] = {static_cast<const std::byte*>(operands.operands[i].data),
                          operands.operands[i].row_stride,
                          {operands.operands[i].scale, static_cast<int32_t>(operands.operands[i].zero_point)}};
    kernel_->run(args, block, blocks, scratch);
  }

  std::string implementation() const override { return kernel_->desc().name(); }
  bool plain_loops() const override { return kernel_->desc().isa == kernels::QuantizedDepthwiseIsa::kPlain; }
  double flop() const override {
    return 2.0 * static_cast<double>(dst_.count()) * static_cast<double>(kernel_->desc().taps());
  }

 private:
  kernels::QuantizedDepthwiseKernelPtr kernel_;
  QuantizedDepthwiseArgs sizes_;  // addresses are filled in for each run
  QuantizedOperands quantized_;
  StepEpilogue epilogue_;
  BoundTensor src_, weights_, dst_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_depthwise_int8(const BindContext& context) {
  const schema::Conv& table = *context.step.attributes_as_Conv();
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  if (src.dtype != DType::kU8 || weights.dtype != DType::kS8 || !kernels::is_real_or_quantized(dst.dtype) ||
      dst.rank != src.rank || src.rank < 3 || src.dims[0] != dst.dims[0])
    return context.invalid("an integer depthwise convolution of ", name_of(src.dtype), to_string(src.shape()), " to ",
                           name_of(dst.dtype), to_string(dst.shape()), " with weights of ", name_of(weights.dtype));
  TEGULA_ASSIGN_OR_RETURN(const ConvWindow window, read_window(context, table, src));
  TEGULA_RETURN_IF_ERROR(check_sizes(context, window, src, dst));
  TEGULA_RETURN_IF_ERROR(check_depthwise(context, window, src, weights, dst));
  const auto src_rows = src.as_rows(), dst_rows = dst.as_rows();
  if (!src_rows || !dst_rows) return context.invalid("pixels are not contiguous and evenly apart");

  TEGULA_ASSIGN_OR_RETURN(const kernels::TileTypes types,
                          product_types(context, src, weights, dst, table.requantize()));
  TEGULA_ASSIGN_OR_RETURN(StepEpilogue epilogue,
                          StepEpilogue::read_typed(context, types, 1.0f, table.requantize(), dst, {}, dst.dims[0]));
  QuantizedOperands quantized = *epilogue.quantized();
  QuantizedDepthwiseDesc desc;
  QuantizedDepthwiseArgs sizes;
  place_window(window, src, dst, src_rows->row_stride, dst_rows->row_stride, desc, sizes);
  desc.post_ops = epilogue.desc().post_ops;
  desc.dst = dst.dtype;
  desc.scales_result = quantized.dst_scale_inverse != 1.0f;
  const kernels::QuantizedSumDesc& sums = epilogue.desc().quantized;
  sizes.zero_point_per_image = sums.src_zero_point == kernels::DynamicValue::kPerRow;
  sizes.scale_per_image = sums.src_scale == kernels::DynamicValue::kPerRow;
  desc.isa = choose_quantized_depthwise(desc, quantized.weight_zero_points.present(), context.features);
  sizes.multiplier_per_channel = quantized.multipliers.count() > 1;
  sizes.src_zero_point = quantized.static_src_zero_point;
  sizes.dst_scale_inverse = quantized.dst_scale_inverse;
  sizes.dst_zero_point = quantized.dst_zero_point;
  TEGULA_ASSIGN_OR_RETURN(
      kernels::QuantizedDepthwiseKernelPtr kernel,
      (context.kernels.cache<QuantizedDepthwiseDesc, kernels::QuantizedDepthwiseKernel>().get_or_build(
          desc, kernels::build_quantized_depthwise)));
  return std::unique_ptr<BoundStep>(std::make_unique<QuantizedDepthwiseStep>(
      std::move(kernel), sizes, std::move(quantized), std::move(epilogue), context));
}

}  // namespace tegula::runtime
