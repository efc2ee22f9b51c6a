#pragma once
#include "kernels/depthwise/depthwise.h"
#include "runtime/steps/gemm_epilogue.h"
#include "runtime/steps/narrow_rows.h"

namespace tegula::runtime {

/// The depthwise convolution of bf16 that reads and writes bf16 as it goes (kernels/depthwise/bf16_depthwise.h).
/// nullptr where that has no kernel. `desc` and `sizes` are those of the fp32 kernel.
Result<std::unique_ptr<BoundStep>> bind_depthwise_bf16_walk(const BindContext& context,
                                                            const kernels::DepthwiseDesc& desc,
                                                            const kernels::DepthwiseArgs& sizes,
                                                            const StepEpilogue& epilogue,
                                                            const kernels::RowConverter& to_real);

}  // namespace tegula::runtime
