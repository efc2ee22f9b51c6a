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
  const int64_t channels = dst.dims[static_cast<std::size_t>(dst.rank - 1)];
  StepEpilogue epilogue;
  epilogue.alpha_ = alpha;
  epilogue.desc_.alpha = alpha != 1.0f;
  epilogue.desc_.bias = bias.present();
  epilogue.bias_ = bias;
  if (bias.present() &&
      (bias.dtype != DType::kF32 || bias.rank != 1 || bias.dims[0] != channels || !bias.is_contiguous()))
    return context.invalid("a bias of ", name_of(bias.dtype), to_string(bias.shape()), " for ", channels, " channels");

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
      epilogue.operands_.push_back(operand);
      epilogue.row_strides_.push_back(rows->row_stride);
    }
    epilogue.desc_.post_ops.push_back(post_op);
  }
  if (const Status status = check_epilogue(epilogue.desc_); !status.ok())
    return context.unsupported(status.error().message);
  return epilogue;
}

kernels::EpilogueArgs StepEpilogue::args(const RunContext& context) const {
  kernels::EpilogueArgs args;
  args.alpha = alpha_;
  args.bias = context.data<const float>(bias_);
  for (std::size_t i = 0; i < operands_.size(); ++i)
    args.operands[i] = {context.data<const float>(operands_[i]), row_strides_[i]};
  return args;
}

Result<kernels::TileIsa> tile_isa_for(const BindContext& context, const kernels::EpilogueDesc& epilogue) {
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileChoice choice, choose_tiles(epilogue, context.features));
  return choice.isa;
}

Result<kernels::TileSetPtr> tiles_for(const BindContext& context, const kernels::EpilogueDesc& epilogue) {
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileIsa isa, tile_isa_for(context, epilogue));
  return context.kernels.cache<kernels::TileSetDesc, kernels::TileSet>().get_or_build({isa, epilogue},
                                                                                      kernels::build_tiles);
}

}  // namespace tegula::runtime
