#include "kernels/attention/attention.h"

#include <algorithm>

#include "runtime/plan/kernel_library.h"
#include "runtime/steps/attention_kernel_choice.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"
#include "runtime/steps/quantized_attention.h"

namespace tegula::runtime {
namespace {

using kernels::AttentionKernel;

class AttentionStep final : public BoundStep {
 public:
  AttentionStep(const kernels::AttentionDesc& desc, AttentionKernel kernel, std::string implementation,
                const OperandSizes& sizes, const BindContext& context)
      : desc_(desc),
        kernel_(std::move(kernel)),
        implementation_(std::move(implementation)),
        operands_{context.inputs.begin(), context.inputs.end()},
        dst_(context.outputs[0]) {
    sizes_ = {sizes.inputs[0], sizes.inputs[1], sizes.inputs[2], sizes.outputs[0], {}};
    mask_dims_ = {sizes_.q.dims[0], desc.heads, sizes_.q.dims[1], sizes_.k.dims[1]};
    has_mask_ = sizes.inputs.size() > 3 && sizes.inputs[3].data != nullptr;
    if (has_mask_) sizes_.mask = sizes.inputs[3].broadcast_to(mask_dims_);
  }

  int64_t blocks(int workers) const override { return kernel_.blocks(desc_, sizes_, workers); }
  std::size_t scratch_bytes() const override { return kernel_.scratch_bytes(desc_, sizes_); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    AttentionKernel::Operands operands = sizes_;
    operands.q.data = context.address(operands_[0]);
    operands.k.data = context.address(operands_[1]);
    operands.v.data = context.address(operands_[2]);
    operands.mask.data = has_mask_ ? context.address(operands_[3]) : nullptr;
    operands.dst.data = context.address(dst_);
    kernel_.run(desc_, operands, block, blocks, scratch);
  }

  std::string implementation() const override { return implementation_; }
  double flop() const override {
    return 2.0 * static_cast<double>(sizes_.q.dims[0] * sizes_.q.dims[1] * sizes_.k.dims[1]) *
           static_cast<double>(sizes_.q.dims[2] + sizes_.dst.dims[2]);
  }

 private:
  kernels::AttentionDesc desc_;
  AttentionKernel kernel_;
  std::string implementation_;
  std::vector<BoundTensor> operands_;
  BoundTensor dst_;
  AttentionKernel::Operands sizes_;  // addresses are filled in for each run
  std::array<int64_t, 4> mask_dims_{};
  bool has_mask_ = false;
};

}  // namespace

Result<kernels::AttentionDesc> read_attention(const BindContext& context) {
  const schema::Attention& table = *context.step.attributes_as_Attention();
  constexpr uint64_t kMaxHeads = 1 << 20;
  if (table.heads() > kMaxHeads || table.kv_heads() > kMaxHeads) return context.invalid("absurd numbers of heads");
  return kernels::AttentionDesc{static_cast<int64_t>(table.heads()), static_cast<int64_t>(table.kv_heads()),
                                table.scale(), table.causal()};
}

bool has_generated_attention(const BindContext& context, const OperandSizes& sizes) {
  const auto contiguous = [](const kernels::TensorView& view) { return view.strides[2] == 1 || view.dims[2] == 1; };
  return context.features.avx2 && std::all_of(sizes.inputs.begin(), sizes.inputs.begin() + 3, contiguous) &&
         contiguous(sizes.outputs[0]);
}

Result<AttentionKernel> build_attention_kernel(const BindContext& context) {
  const jit::VectorIsa isa = vector_isa_of(context);
  const kernels::TileSetDesc tile_desc{
      isa == jit::VectorIsa::kAvx512 ? kernels::TileIsa::kAvx512 : kernels::TileIsa::kAvx2, {}};
  const auto tiles =
      context.kernels.cache<kernels::TileSetDesc, kernels::TileSet>().get_or_build(tile_desc, kernels::build_tiles);
  if (!tiles.ok()) return tiles.error();
  kernels::SoftmaxCodePtr softmax[2];
  for (const bool mask : {false, true}) {
    const auto code = context.kernels.cache<kernels::SoftmaxCodeDesc, kernels::SoftmaxCode>().get_or_build(
        {isa, false, mask}, kernels::build_softmax);
    if (!code.ok()) return code.error();
    softmax[mask] = *code;
  }
  return AttentionKernel(*tiles, softmax[0], softmax[1]);
}

Result<std::unique_ptr<BoundStep>> bind_attention(const BindContext& context) {
  if (context.inputs.size() == kQuantizedAttentionInputs) return bind_quantized_attention(context);
  if (context.inputs.size() >= 3 && context.outputs.size() == 1 &&
      (is_narrow(context.inputs[0]) || is_narrow(context.inputs[1]) || is_narrow(context.inputs[2]) ||
       is_narrow(context.outputs[0])))
    return bind_narrow_attention(context);
  TEGULA_ASSIGN_OR_RETURN(const kernels::AttentionDesc desc, read_attention(context));
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);

  if (!has_generated_attention(context, sizes)) {
    decline_generated_code(context, "rows of heads are not contiguous");
    return make_plain_step(desc, &kernels::attention, context);
  }
  TEGULA_ASSIGN_OR_RETURN(AttentionKernel kernel, build_attention_kernel(context));
  std::string implementation = concat("attention_f32_", jit::name_of(vector_isa_of(context.features)));
  return std::unique_ptr<BoundStep>(
      std::make_unique<AttentionStep>(desc, std::move(kernel), std::move(implementation), sizes, context));
}

}  // namespace tegula::runtime
