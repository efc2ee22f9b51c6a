#include "runtime/steps/conv_int8.h"

#include <algorithm>
#include <cmath>

#include "kernels/conv/quantized_reference.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/conv_window.h"
#include "runtime/steps/gemm_epilogue.h"

namespace tegula::runtime {
namespace {

using kernels::QuantizedConvArgs;
using kernels::QuantizedConvDesc;

/// The values that table Requantize names; absent ones have present() == false.
struct QuantizedOperands {
  BoundTensor bias, multipliers, weight_zero_points, weight_sums, src_zero_point, src_scale;
};

class QuantizedConvStep final : public BoundStep {
 public:
  QuantizedConvStep(QuantizedConvDesc desc, QuantizedOperands quantized, StepEpilogue epilogue,
                    const BindContext& context)
      : desc_(std::move(desc)),
        quantized_(std::move(quantized)),
        epilogue_(std::move(epilogue)),
        src_(context.inputs[0]),
        weights_(context.inputs[1]),
        dst_(context.outputs[0]),
        positions_(quantized_conv_positions(dst_.sizes())) {}

  int64_t blocks(int workers) const override {
    return workers <= 1 ? 1 : std::clamp<int64_t>(int64_t{4} * workers, 1, std::max<int64_t>(positions_, 1));
  }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    QuantizedConvArgs args;
    args.src = context.view(src_);
    args.dst = context.view(dst_);
    args.weights = context.data<const int8_t>(weights_);
    args.bias = context.data<const int32_t>(quantized_.bias);
    args.multipliers = context.data<const float>(quantized_.multipliers);
    args.multiplier_per_channel = quantized_.multipliers.count() > 1;
    args.weight_zero_points = context.data<const int32_t>(quantized_.weight_zero_points);
    args.weight_sums = context.data<const int32_t>(quantized_.weight_sums);
    args.dynamic_zero_point = context.data<const int32_t>(quantized_.src_zero_point);
    args.dynamic_scale = context.data<const float>(quantized_.src_scale);
    std::array<kernels::TensorView, kernels::kMaxEpilogueOperands> operands;
    std::size_t count = 0;
    for (const BoundTensor& operand : epilogue_.operands()) operands[count++] = context.view(operand);
    args.operands = {operands.data(), count};
    const BlockRange range(positions_, block, blocks);
    quantized_conv_reference(desc_, args, range.begin, range.end);
  }

  std::string implementation() const override { return "conv_u8s8_plain"; }
  bool plain_loops() const override { return true; }
  double flop() const override {
    const kernels::PackedMatrix block = desc_.weights.block();
    return 2.0 * static_cast<double>(dst_.count()) * static_cast<double>(block.taps * block.k);
  }

 private:
  QuantizedConvDesc desc_;
  QuantizedOperands quantized_;
  StepEpilogue epilogue_;
  BoundTensor src_, weights_, dst_;
  int64_t positions_;
};

/// One value per channel, or one for all where `one_for_all`.
Status check_channels(const BindContext& context, const BoundTensor& tensor, DType dtype, int64_t channels,
                      bool one_for_all, const char* what) {
  if (!tensor.present()) return {};
  const bool fits = tensor.count() == channels || (one_for_all && tensor.count() == 1);
  if (tensor.dtype == dtype && fits && tensor.is_contiguous()) return {};
  return context.invalid(what, " of ", name_of(tensor.dtype), to_string(tensor.shape()), " for ", channels,
                         " channels");
}

Result<QuantizedOperands> read_operands(const BindContext& context, const schema::Requantize& table, int64_t channels) {
  QuantizedOperands operands;
  if (context.inputs.size() > 2) operands.bias = context.inputs[2];
  operands.multipliers = context.value(table.multipliers());
  operands.weight_zero_points = context.value(table.weight_zero_points());
  operands.weight_sums = context.value(table.weight_sums());
  operands.src_zero_point = context.value(table.src_zero_point_value());
  operands.src_scale = context.value(table.src_scale_value());
  if (!operands.multipliers.present()) return context.invalid("an integer convolution without multipliers");
  if (operands.src_zero_point.present() && !operands.weight_sums.present())
    return context.invalid("a dynamic zero point without sums of the weights");
  TEGULA_RETURN_IF_ERROR(check_channels(context, operands.bias, DType::kS32, channels, false, "a bias"));
  TEGULA_RETURN_IF_ERROR(check_channels(context, operands.multipliers, DType::kF32, channels, true, "multipliers"));
  TEGULA_RETURN_IF_ERROR(
      check_channels(context, operands.weight_zero_points, DType::kS32, channels, false, "zero points"));
  TEGULA_RETURN_IF_ERROR(
      check_channels(context, operands.weight_sums, DType::kS32, channels, false, "sums of weights"));
  TEGULA_RETURN_IF_ERROR(
      check_channels(context, operands.src_zero_point, DType::kS32, 1, true, "a dynamic zero point"));
  TEGULA_RETURN_IF_ERROR(check_channels(context, operands.src_scale, DType::kF32, 1, true, "a dynamic scale"));
  return operands;
}

Status read_requantize(const BindContext& context, const schema::Requantize& table, DType dst,
                       QuantizedConvDesc& desc) {
  desc.src_zero_point = table.src_zero_point();
  desc.dst_zero_point = table.dst_zero_point();
  desc.dst_scale_inverse = table.dst_scale_inverse();
  const auto in_range = [](int32_t zero_point, DType dtype) {
    return dtype == DType::kS8 ? zero_point >= -128 && zero_point <= 127 : zero_point >= 0 && zero_point <= 255;
  };
  if (!in_range(desc.src_zero_point, DType::kU8) || (dst != DType::kF32 && !in_range(desc.dst_zero_point, dst)))
    return context.invalid("zero points ", desc.src_zero_point, " and ", desc.dst_zero_point);
  if (!std::isfinite(desc.dst_scale_inverse)) return context.invalid("the inverse scale is ", desc.dst_scale_inverse);
  return {};
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_conv_int8(const BindContext& context) {
  const schema::Conv& table = *context.step.attributes_as_Conv();
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  if (dst.rank != src.rank || src.rank < 3 || src.dims[0] != dst.dims[0] || weights.dtype != DType::kS8 ||
      weights.packing != Packing::kN16K4)
    return context.invalid("an integer convolution of ", to_string(src.shape()), " to ", to_string(dst.shape()),
                           " with weights of ", name_of(weights.dtype));
  TEGULA_ASSIGN_OR_RETURN(const ConvWindow window, read_window(context, table, src));
  TEGULA_RETURN_IF_ERROR(check_sizes(context, window, src, dst));
  const int64_t ic = src.dims[static_cast<std::size_t>(src.rank - 1)],
                oc = dst.dims[static_cast<std::size_t>(dst.rank - 1)];
  const auto per_block = static_cast<int64_t>(std::min<uint64_t>(table.groups_per_block(), UINT32_MAX));
  if (ic % window.groups != 0 || oc % window.groups != 0 || per_block < 1 || window.groups % per_block != 0)
    return context.invalid(ic, " channels to ", oc, " in ", window.groups, " groups, ", per_block, " to a block");

  QuantizedConvDesc desc;
  desc.spatial = window.spatial;
  for (int d = 0; d < window.spatial; ++d) {
    const int from = 3 - window.spatial + d;
    desc.strides[d] = window.strides[from];
    desc.dilations[d] = window.dilations[from];
    desc.pads_begin[d] = window.pads_begin[from];
  }
  desc.weights = {Packing::kN16K4,    window.groups,    per_block,        oc / window.groups,
                  ic / window.groups, window.kernel[0], window.kernel[1], window.kernel[2]};
  const kernels::PackedMatrix block = desc.weights.block();
  const int64_t expected[] = {desc.weights.blocks(), block.taps, block.k, block.n};
  if (!std::ranges::equal(weights.shape(), expected))
    return context.invalid("packed weights of ", to_string(weights.shape()), " where ", to_string(expected),
                           " are needed");
  TEGULA_RETURN_IF_ERROR(read_requantize(context, *table.requantize(), dst.dtype, desc));
  TEGULA_ASSIGN_OR_RETURN(QuantizedOperands operands, read_operands(context, *table.requantize(), oc));
  TEGULA_ASSIGN_OR_RETURN(StepEpilogue epilogue, StepEpilogue::read(context, BoundTensor(), 1.0f, dst));
  desc.post_ops = epilogue.desc().post_ops;
  std::vector<kernels::TensorView> post_op_operands;
  for (const BoundTensor& operand : epilogue.operands()) post_op_operands.push_back(operand.sizes());
  if (const Status status = check_quantized_conv(desc, src.sizes(), dst.sizes(), post_op_operands); !status.ok())
    return context.invalid(status.error().message);
  return std::unique_ptr<BoundStep>(
      std::make_unique<QuantizedConvStep>(std::move(desc), std::move(operands), std::move(epilogue), context));
}

}  // namespace tegula::runtime
