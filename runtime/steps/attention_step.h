#pragma once
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/attention/attention_kernel.h"
#include "runtime/steps/attention_kernel_choice.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// Attention in generated code, of fp32 or of u8: AttentionKernel or QuantizedAttentionKernel.
template <typename Kernel>
class AttentionStep final : public BoundStep {
 public:
  AttentionStep(Kernel kernel, int64_t heads, std::string implementation, const OperandSizes& sizes,
                const BindContext& context)
      : kernel_(std::move(kernel)),
        implementation_(std::move(implementation)),
        operands_{context.inputs.begin(), context.inputs.end()},
        dst_(context.outputs[0]) {
    sizes_ = {sizes.inputs[0], sizes.inputs[1], sizes.inputs[2], sizes.outputs[0], {}};
    mask_dims_ = {sizes_.q.dims[0], heads, sizes_.q.dims[1], sizes_.k.dims[1]};
    has_mask_ = has_mask(sizes);
    if (has_mask_) sizes_.mask = sizes.inputs[3].broadcast_to(mask_dims_);
  }

  int64_t blocks(int workers) const override { return kernel_.blocks(sizes_, workers); }
  std::size_t scratch_bytes() const override { return kernel_.scratch_bytes(sizes_); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    kernels::AttentionKernel::Operands operands = sizes_;
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
  Kernel kernel_;
  std::string implementation_;
  std::vector<BoundTensor> operands_;
  BoundTensor dst_;
  kernels::AttentionKernel::Operands sizes_;  // addresses are filled in for each run
  std::array<int64_t, 4> mask_dims_{};
  bool has_mask_ = false;
};

template <typename Kernel>
std::unique_ptr<BoundStep> make_attention_step(Kernel kernel, int64_t heads, std::string implementation,
                                               const OperandSizes& sizes, const BindContext& context) {
  return std::make_unique<AttentionStep<Kernel>>(std::move(kernel), heads, std::move(implementation), sizes, context);
}

}  // namespace tegula::runtime
