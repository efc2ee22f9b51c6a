#pragma once
#include "kernels/attention/attention_kernel.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// From the step's attributes. kInvalidFile: absurd numbers of heads.
Result<kernels::AttentionDesc> read_attention(const BindContext& context);

/// Whether generated code computes attention, of fp32 or u8: rows of heads have to be contiguous in q, k, v and dst.
bool has_generated_attention(const BindContext& context, const OperandSizes& sizes);

/// Whether attention adds a mask to its scores.
inline bool has_mask(const OperandSizes& sizes) {
  return sizes.inputs.size() > 3 && sizes.inputs[3].data != nullptr;
}

/// The generated softmax of one row of scores.
Result<kernels::SoftmaxCodePtr> attention_softmax_code(const BindContext& context, jit::VectorIsa isa, bool has_mask);

/// The generated fp32 kernel for the features at hand, which have AVX2.
Result<kernels::AttentionKernel> build_attention_kernel(const BindContext& context, const kernels::AttentionDesc& desc,
                                                        bool has_mask);

}  // namespace tegula::runtime
