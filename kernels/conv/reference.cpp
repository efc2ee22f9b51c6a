#include "kernels/conv/reference.h"

#include <cmath>

namespace tegula::kernels {
namespace {

/// The sum that belongs to one element of dst.
float sum_at(const ConvDesc& desc, const TensorView& src, const TensorView& weights,
             const std::array<int64_t, kMaxRank>& index, int64_t oc_per_group) {
  const int spatial = src.rank - 2;
  const int64_t ic = weights.dims[1], oc = index[1];
  const int64_t first_ic = oc / oc_per_group * ic;
  std::array<int64_t, kMaxRank> position{};  // in the kernel
  int64_t positions = 1;
  for (int d = 0; d < spatial; ++d) positions *= weights.dims[d + 2];

  float sum = 0;
  for (int64_t p = 0; p < positions; ++p) {
    bool inside = true;
    int64_t src_offset = index[0] * src.strides[0] + first_ic * src.strides[1];
    int64_t weight_offset = oc * weights.strides[0];
    for (int d = 0; d < spatial; ++d) {
      const auto i = static_cast<std::size_t>(d);
      const int64_t at = index[i + 2] * desc.strides[i] + position[i] * desc.dilations[i] - desc.pads_begin[i];
      inside = inside && at >= 0 && at < src.dims[i + 2];
      src_offset += at * src.strides[i + 2];
      weight_offset += position[i] * weights.strides[i + 2];
    }
    for (int64_t c = 0; c < ic; ++c) {
      const float x = inside ? src.as<float>()[src_offset + c * src.strides[1]] : 0.0f;
      sum = std::fma(x, weights.as<float>()[weight_offset + c * weights.strides[1]], sum);
    }
    for (int d = spatial - 1; d >= 0 && ++position[static_cast<std::size_t>(d)] == weights.dims[d + 2]; --d)
      position[static_cast<std::size_t>(d)] = 0;
  }
  return sum;
}

}  // namespace

void conv_reference(const ConvDesc& desc, float alpha, const TensorView& src, const TensorView& weights,
                    const TensorView& bias, std::span<const TensorView> operands, const TensorView& dst) {
  const int64_t oc_per_group = weights.dims[0] / desc.groups;
  TEGULA_CHECK(src.dims[1] == weights.dims[1] * desc.groups && dst.dims[1] == weights.dims[0],
               "the shapes of a convolution have been checked");
  std::vector<TensorView> broadcast;
  for (const TensorView& operand : operands) broadcast.push_back(operand.broadcast_to(dst.shape()));
  EpilogueArgs args;
  args.alpha = alpha;

  std::array<int64_t, kMaxRank> index{};
  for (int64_t i = 0, count = dst.count(); i < count; ++i) {
    const float sum = sum_at(desc, src, weights, index, oc_per_group);
    if (desc.epilogue.bias) args.bias = bias.as<float>() + index[1] * bias.strides[0];
    int64_t dst_offset = 0;
    for (int d = 0; d < dst.rank; ++d) dst_offset += index[d] * dst.strides[d];
    for (std::size_t op = 0; op < broadcast.size(); ++op) {
      int64_t offset = 0;
      for (int d = 0; d < dst.rank; ++d) offset += index[d] * broadcast[op].strides[d];
      args.operands[op].data = broadcast[op].as<float>() + offset;
    }
    dst.as<float>()[dst_offset] = apply_epilogue(desc.epilogue, args, sum, 0, 0);
    for (int d = dst.rank - 1; d >= 0 && ++index[d] == dst.dims[d]; --d) index[d] = 0;
  }
}

}  // namespace tegula::kernels
