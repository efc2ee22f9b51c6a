#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/gemm/epilogue.h"
#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// dst[n, oc, o...] = epilogue(sum over kernel positions p, then ic, of
///                             src[n, group of oc, ic, o * stride + p * dilation - pad] * weights[oc, ic, p...])
/// fp32, in ONNX's order of dimensions (a channels-last tensor is a permuted view), any number of spatial dimensions.
/// Positions outside the source take part as +0. Every convolution of the runtime means this.
struct ConvDesc {
  std::vector<int64_t> strides, dilations, pads_begin;  ///< one entry per spatial dimension
  int64_t groups = 1;
  EpilogueDesc epilogue;
};

/// Plain loops over any strides. `weights` is [oc, ic / groups, kernel...], `bias` [oc], read where the epilogue has
/// one; operands[i] belongs to the i-th of the post-ops that have an operand, and broadcasts to dst. Shapes have been
/// checked.
void conv_reference(const ConvDesc& desc, float alpha, const TensorView& src, const TensorView& weights,
                    const TensorView& bias, std::span<const TensorView> operands, const TensorView& dst);

}  // namespace tegula::kernels
