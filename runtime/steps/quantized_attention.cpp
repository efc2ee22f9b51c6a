#include "runtime/steps/quantized_attention.h"

#include <array>
#include <cmath>
#include <cstring>

#include "kernels/attention/quantized_attention_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/attention_kernel_choice.h"
#include "runtime/steps/gemm_epilogue.h"
#include "runtime/steps/narrow_pool.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

using kernels::QuantizedAttentionDesc;
using kernels::QuantizedAttentionKernel;

class QuantizedAttentionStep final : public BoundStep {
 public:
  QuantizedAttentionStep(const QuantizedAttentionDesc& desc, QuantizedAttentionKernel kernel,
                         std::string implementation, const OperandSizes& sizes, const BindContext& context)
      : kernel_(std::move(kernel)),
        implementation_(std::move(implementation)),
        operands_{context.inputs.begin(), context.inputs.end()},
        dst_(context.outputs[0]) {
    sizes_ = {sizes.inputs[0], sizes.inputs[1], sizes.inputs[2], sizes.outputs[0], {}};
    mask_dims_ = {sizes_.q.dims[0], desc.heads, sizes_.q.dims[1], sizes_.k.dims[1]};
    has_mask_ = sizes.inputs.size() > 3 && sizes.inputs[3].data != nullptr;
    if (has_mask_) sizes_.mask = sizes.inputs[3].broadcast_to(mask_dims_);
  }

  int64_t blocks(int workers) const override { return kernel_.blocks(sizes_, workers); }
  std::size_t scratch_bytes() const override { return kernel_.scratch_bytes(sizes_); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    QuantizedAttentionKernel::Operands operands = sizes_;
    operands.q.data = context.address(operands_[0]);
    operands.k.data = context.address(operands_[1]);
    operands.v.data = context.address(operands_[2]);
    operands.mask.data = has_mask_ ? context.address(operands_[3]) : nullptr;
    operands.dst.data = context.address(dst_);
    kernel_.run(operands, block, blocks, scratch);
  }

  std::string implementation() const override { return implementation_; }
  double flop() const override {
    return 2.0 * static_cast<double>(sizes_.q.dims[0] * sizes_.q.dims[1] * sizes_.k.dims[1]) *
           static_cast<double>(sizes_.q.dims[2] + sizes_.dst.dims[2]);
  }

 private:
  QuantizedAttentionKernel kernel_;
  std::string implementation_;
  std::vector<BoundTensor> operands_;
  BoundTensor dst_;
  QuantizedAttentionKernel::Operands sizes_;  // addresses are filled in for each run
  std::array<int64_t, 4> mask_dims_{};
  bool has_mask_ = false;
};

/// Of probabilities as u8, from the step's last input.
Result<kernels::QuantizedOperand> read_probability(const BindContext& context) {
  const BoundTensor& numbers = context.inputs[kQuantizedAttentionInputs - 1];
  if (!numbers.is_constant() || numbers.dtype != DType::kF32 || numbers.count() != 2 || !numbers.is_contiguous())
    return context.invalid("a scale and zero point of probabilities that are no constant f32[2]");
  std::array<float, 2> values{};
  std::memcpy(values.data(), numbers.location.constant, sizeof(values));
  const auto [scale, zero_point] = values;
  if (!(scale > 0) || !std::isfinite(scale) || !(zero_point >= 0) || zero_point > 255 ||
      zero_point != std::nearbyint(zero_point))
    return context.invalid("probabilities with scale ", scale, " and zero point ", zero_point);
  return kernels::QuantizedOperand{scale, static_cast<int32_t>(zero_point)};
}

Result<QuantizedAttentionDesc> read_desc(const BindContext& context) {
  const schema::Attention& table = *context.step.attributes_as_Attention();
  TEGULA_ASSIGN_OR_RETURN(const kernels::AttentionDesc real, read_attention(context));
  TEGULA_ASSIGN_OR_RETURN(const kernels::QuantizedOperand probability, read_probability(context));
  if (table.ends() == nullptr) return context.invalid("an attention of integers without their scales");
  kernels::QuantizedOperand q;
  kernels::QuantizedResult dst;
  read_ends(table.ends(), q, dst);
  const kernels::QuantizedOperand k{table.ends()->second_scale(), table.ends()->second_zero_point()},
      v{table.ends()->third_scale(), table.ends()->third_zero_point()};
  return quantized_attention_desc(real, q, k, v, probability, dst);
}

/// Without the step's last input, which is in the descriptor.
Status plain_attention(const QuantizedAttentionDesc& desc, std::span<const kernels::TensorView> inputs,
                       std::span<const kernels::TensorView> outputs) {
  return quantized_attention(desc, inputs.first(kQuantizedAttentionInputs - 1), outputs);
}

Result<QuantizedAttentionKernel> build_kernel(const QuantizedAttentionDesc& desc, const BindContext& context,
                                              bool has_mask) {
  const BoundTensor& dst = context.outputs[0];
  const kernels::TileTypes to_scores{DType::kU8, DType::kS8, DType::kF32}, to_dst{DType::kU8, DType::kS8, dst.dtype};
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr score_tiles,
                          tiles_for(context, QuantizedAttentionKernel::score_epilogue(desc), to_scores));
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr value_tiles,
                          tiles_for(context, QuantizedAttentionKernel::value_epilogue(desc, dst.dtype), to_dst));
  TEGULA_ASSIGN_OR_RETURN(kernels::SoftmaxCodePtr softmax,
                          (context.kernels.cache<kernels::SoftmaxCodeDesc, kernels::SoftmaxCode>().get_or_build(
                              {vector_isa_of(context), false, has_mask}, kernels::build_softmax)));
  BoundTensor probabilities = context.inputs[0];  // for its type, u8
  TEGULA_ASSIGN_OR_RETURN(kernels::RowConverter row,
                          converter_from_real(context, probabilities, desc.probability, "a probability"));
  return QuantizedAttentionKernel(desc, std::move(score_tiles), std::move(value_tiles), std::move(softmax),
                                  std::move(row));
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_quantized_attention(const BindContext& context) {
  TEGULA_ASSIGN_OR_RETURN(const QuantizedAttentionDesc desc, read_desc(context));
  OperandSizes sizes(context);
  sizes.inputs.resize(kQuantizedAttentionInputs - 1);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  if (!has_generated_attention(context, sizes)) {
    decline_generated_code(context, "rows of heads are not contiguous");
    return make_plain_step(desc, &plain_attention, context);
  }
  const bool has_mask = sizes.inputs.size() > 3 && sizes.inputs[3].data != nullptr;
  TEGULA_ASSIGN_OR_RETURN(QuantizedAttentionKernel kernel, build_kernel(desc, context, has_mask));
  std::string implementation =
      concat("attention_u8", name_of(context.outputs[0].dtype), "_", kernels::name_of(kernel.isa()));
  return std::unique_ptr<BoundStep>(
      std::make_unique<QuantizedAttentionStep>(desc, std::move(kernel), std::move(implementation), sizes, context));
}

}  // namespace tegula::runtime
