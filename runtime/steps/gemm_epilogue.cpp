#include "runtime/steps/gemm_epilogue.h"

#include <algorithm>

#include "runtime/plan/kernel_library.h"

namespace tegula::runtime {
namespace {

using kernels::OperandKind;

bool has_dims_of(const BoundTensor& operand, const BoundTensor& dst) {
  return std::ranges::equal(operand.shape(), dst.shape());
}

/// 1 everywhere but in the last dimension.
bool is_channels(const BoundTensor& operand, int64_t channels) {
  return operand.rank > 0 && operand.dims[static_cast<std::size_t>(operand.rank - 1)] == channels &&
         operand.count() == channels;
}

/// How the kernel reads the operand. The answer shapes code, so for operands whose sizes depend on symbols it should
/// not change with them: those are whole tensors before they are anything else, and constants the other way round.
OperandKind kind_of(const BoundTensor& operand, const BoundTensor& dst, int64_t channels) {
  const bool whole = has_dims_of(operand, dst);
  if (whole && !operand.is_constant()) return OperandKind::kTensor;
  if (operand.count() == 1) return OperandKind::kScalar;
  if (is_channels(operand, channels)) return OperandKind::kPerChannel;
  return whole ? OperandKind::kTensor : OperandKind::kNone;
}

}  // namespace

Result<StepEpilogue> StepEpilogue::read(const BindContext& context, const BoundTensor& bias, float alpha,
                                        const BoundTensor& dst) {
  TEGULA_ASSIGN_OR_RETURN(StepEpilogue epilogue, read_real(context, bias, alpha, dst));
  if (const Status status = check_epilogue(epilogue.desc_); !status.ok())
    return context.unsupported(status.error().message);
  return epilogue;
}

/// Of sums that are no integers, unchecked.
Result<StepEpilogue> StepEpilogue::read_real(const BindContext& context, const BoundTensor& bias, float alpha,
                                             const BoundTensor& dst) {
  const int64_t channels = dst.dims[static_cast<std::size_t>(dst.rank - 1)];
  StepEpilogue epilogue;
  epilogue.alpha_ = alpha;
  epilogue.desc_.alpha = alpha != 1.0f;
  epilogue.desc_.bias = bias.present();
  epilogue.bias_ = bias;
  if (bias.present() &&
      (bias.dtype != DType::kF32 || bias.rank != 1 || bias.dims[0] != channels || !bias.is_contiguous()))
    return context.invalid("a bias of ", name_of(bias.dtype), to_string(bias.shape()), " for ", channels, " channels");
  TEGULA_RETURN_IF_ERROR(epilogue.read_post_ops(context, dst));
  return epilogue;
}

Result<StepEpilogue> StepEpilogue::read_typed(const BindContext& context, const kernels::TileTypes& types, float alpha,
                                              const schema::Requantize* table, const BoundTensor& dst,
                                              const BoundTensor& weight_scales, std::optional<int64_t> images) {
  using kernels::DynamicValue;
  using kernels::WeightScale;
  const int64_t channels = dst.dims[static_cast<std::size_t>(dst.rank - 1)];
  StepEpilogue epilogue;
  if (types.integer()) {
    const int64_t rows = channels > 0 ? dst.count() / channels : 0;
    const int64_t parts = images.value_or(rows);
    TEGULA_ASSIGN_OR_RETURN(epilogue.quantized_, read_quantized_operands(context, *table, channels, types.dst, parts));
    if (parts > 0) epilogue.rows_per_src_value_ = std::max<int64_t>(rows / parts, 1);
    const QuantizedOperands& operands = *epilogue.quantized_;
    // By rank, so that the code does not change with the batch.
    const auto dynamic = [&](const BoundTensor& value) {
      if (!value.present()) return DynamicValue::kStatic;
      return value.rank == 0 || value.count() != parts ? DynamicValue::kPerTensor : DynamicValue::kPerRow;
    };
    epilogue.desc_.bias = operands.bias.present();
    epilogue.desc_.alpha = alpha != 1.0f;  // refused below
    epilogue.desc_.quantized = {operands.multipliers.count() > 1 && operands.multipliers.present(),
                                operands.weight_zero_points.present(), dynamic(operands.src_zero_point),
                                dynamic(operands.src_scale),
                                size_of(types.dst) == 1 && operands.dst_scale_inverse != 1.0f};
    TEGULA_RETURN_IF_ERROR(epilogue.read_post_ops(context, dst));
  } else {
    const BoundTensor bias = context.inputs.size() > 2 ? context.inputs[2] : BoundTensor();
    TEGULA_ASSIGN_OR_RETURN(epilogue, read_real(context, bias, alpha, dst));
  }
  if (types.weight_only()) {
    const int64_t count = weight_scales.count();
    if (weight_scales.dtype != DType::kF32 || (count != channels && count != 1) || !weight_scales.is_contiguous())
      return context.invalid("scales of weights of ", name_of(weight_scales.dtype), to_string(weight_scales.shape()),
                             " for ", channels, " channels");
    epilogue.weight_scales_ = weight_scales;
    epilogue.desc_.weight_scale = count > 1 ? WeightScale::kPerChannel : WeightScale::kPerTensor;
  }
  if (const Status status = check_tiles(types, epilogue.desc_); !status.ok())
    return context.unsupported(status.error().message);
  return epilogue;
}

Status StepEpilogue::take_zero_points(const BindContext& context, int32_t right) {
  if (quantized_->weight_zero_points.present() || quantized_->src_zero_point.present() || bias().present() ||
      quantized_->bias.present())
    return context.invalid("a product of two activations of u8 with operands that belong to weights");
  constexpr int32_t kOfNone = 128;
  desc_.quantized.weight_zero_points = right != kOfNone;
  if (quantized_->static_src_zero_point != 0) desc_.quantized.src_zero_point = kernels::DynamicValue::kPerTensor;
  if (const Status status = check_tiles({DType::kU8, DType::kS8, context.outputs[0].dtype}, desc_); !status.ok())
    return context.unsupported(status.error().message);
  return {};
}

Status StepEpilogue::read_post_ops(const BindContext& context, const BoundTensor& dst) {
  const int64_t channels = dst.dims[static_cast<std::size_t>(dst.rank - 1)];
  const auto* post_ops = context.step.post_ops();
  for (uint32_t i = 0; post_ops != nullptr && i < post_ops->size(); ++i) {
    const schema::PostOp& row = *post_ops->Get(i);
    kernels::PostOpDesc post_op;
    post_op.function = static_cast<Function>(row.function());
    post_op.alpha = row.alpha();
    post_op.beta = row.beta();
    const BoundTensor& operand = context.post_op_operands[i];
    if (operand.present()) {
      post_op.operand = kind_of(operand, dst, channels);
      post_op.operand_first = row.operand_first();
      post_op.operand_dtype = operand.dtype;
      const bool scalar = post_op.operand == OperandKind::kScalar;  // of any rank, 0 included
      const auto rows = scalar ? std::optional(BoundTensor::Rows{1, 1, 0}) : operand.as_rows();
      if (post_op.operand == OperandKind::kNone || !rows)
        return context.invalid("post-op ", i, " (", name_of(post_op.function), ") has an operand of ",
                               to_string(operand.shape()), " for results of ", to_string(dst.shape()));
      operands_.push_back(operand);
      const int64_t row_stride = post_op.operand == OperandKind::kTensor ? rows->row_stride : 0;
      places_.push_back({nullptr, row_stride, row.operand_scale(), static_cast<float>(row.operand_zero_point())});
    }
    desc_.post_ops.push_back(post_op);
  }
  return {};
}

kernels::EpilogueArgs StepEpilogue::args(const RunContext& context) const {
  kernels::EpilogueArgs args;
  args.alpha = alpha_;
  args.bias = context.data<const float>(bias_);
  args.weight_scales = context.data<const float>(weight_scales_);
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    args.operands[i] = places_[i];
    args.operands[i].data = context.data<const std::byte>(operands_[i]);
  }
  if (!quantized_) return args;
  args.quantized = {context.data<const int32_t>(quantized_->bias),
                    context.data<const float>(quantized_->multipliers),
                    context.data<const int32_t>(quantized_->weight_zero_points),
                    context.data<const int32_t>(quantized_->weight_sums),
                    quantized_->src_zero_point.present() ? context.data<const int32_t>(quantized_->src_zero_point)
                                                         : &quantized_->static_src_zero_point,
                    context.data<const float>(quantized_->src_scale),
                    quantized_->dst_scale_inverse,
                    quantized_->dst_zero_point,
                    rows_per_src_value_};
  return args;
}

Result<kernels::TileTypes> product_types(const BindContext& context, const BoundTensor& src, const BoundTensor& weights,
                                         const BoundTensor& dst, const schema::Requantize* table,
                                         const BoundTensor& weight_scales) {
  const kernels::TileTypes types{src.dtype, weights.dtype, dst.dtype};
  if (const Status status = check_tile_types(types); !status.ok()) return context.unsupported(status.error().message);
  if (types.integer() != (table != nullptr))
    return context.invalid("a product of ", name_of(src.dtype), " and ", name_of(weights.dtype),
                           table == nullptr ? " without multipliers" : " with multipliers");
  if (types.weight_only() != weight_scales.present())
    return context.invalid("a product of ", name_of(src.dtype), " and ", name_of(weights.dtype),
                           weight_scales.present() ? " with scales of the weights" : " without scales of the weights");
  return types;
}

namespace {

void keep_reasons(const BindContext& context, const kernels::TileChoice& choice) {
  if (context.declined != nullptr)
    context.declined->insert(context.declined->end(), choice.declined.begin(), choice.declined.end());
}

}  // namespace

Result<kernels::TileIsa> tile_isa_for(const BindContext& context, const kernels::EpilogueDesc& epilogue) {
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileChoice choice, choose_tiles(epilogue, context.features));
  keep_reasons(context, choice);
  return choice.isa;
}

Result<kernels::TileSetPtr> tiles_for(const BindContext& context, const kernels::EpilogueDesc& epilogue,
                                      const kernels::TileTypes& types, const kernels::TileDepth* depth) {
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileChoice choice, choose_tiles(epilogue, context.features, types, depth));
  keep_reasons(context, choice);
  return context.kernels.cache<kernels::TileSetDesc, kernels::TileSet>().get_or_build({choice.isa, epilogue, types},
                                                                                      kernels::build_tiles);
}

}  // namespace tegula::runtime
