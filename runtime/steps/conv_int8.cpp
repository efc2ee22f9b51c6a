#include "runtime/steps/conv_int8.h"

#include <algorithm>

#include "kernels/conv/quantized_reference.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/conv_window.h"
#include "runtime/steps/gemm_epilogue.h"
#include "runtime/steps/quantized_operands.h"

namespace tegula::runtime {
namespace {

using kernels::QuantizedConvArgs;
using kernels::QuantizedConvDesc;

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
    args.zero_point_per_image = quantized_.src_zero_point.count() > 1;
    args.scale_per_image = quantized_.src_scale.count() > 1;
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
  TEGULA_ASSIGN_OR_RETURN(QuantizedOperands operands,
                          read_quantized_operands(context, *table.requantize(), oc, dst.dtype, dst.dims[0]));
  desc.src_zero_point = operands.static_src_zero_point;
  desc.dst_zero_point = operands.dst_zero_point;
  desc.dst_scale_inverse = operands.dst_scale_inverse;
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
