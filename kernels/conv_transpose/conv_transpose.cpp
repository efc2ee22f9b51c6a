#include "kernels/conv_transpose/conv_transpose.h"

#include <cmath>

#include "kernels/plain_loops.h"

namespace tegula::kernels {
namespace {

constexpr int64_t kLargest = int64_t{1} << 31;  // of what the descriptor holds: products of two stay far from overflow
constexpr int64_t kMostPositions = int64_t{1} << 20;  // of a kernel

std::size_t index(int d) {
  return static_cast<std::size_t>(d);
}

/// One element of dst is one sum over the kernel.
class Sum {
 public:
  Sum(const ConvTransposeDesc& desc, const TensorView& src, const TensorView& weights)
      : desc_(desc), src_(src), weights_(weights), ic_(weights.dims[0] / desc.groups) {
    for (int d = 0; d < desc.rank; ++d) positions_ *= weights.dims[index(d + 2)];
  }

  /// `at` is an index of dst.
  float operator()(const std::array<int64_t, kMaxRank>& at) const {
    const int64_t oc = at[index(desc_.rank + 1)], oc_per_group = weights_.dims[1];
    const int64_t first_ic = oc / oc_per_group * ic_;
    std::array<int64_t, 3> position{};
    float sum = 0;
    for (int64_t p = 0; p < positions_; ++p) {
      int64_t src_offset = at[0] * src_.strides[0] + first_ic * src_.strides[index(desc_.rank + 1)];
      int64_t weight_offset = first_ic * weights_.strides[0] + oc % oc_per_group * weights_.strides[1];
      if (place(at, position, src_offset, weight_offset)) sum = add_channels(src_offset, weight_offset, sum);
      for (int d = desc_.rank - 1; d >= 0 && ++position[index(d)] == weights_.dims[index(d + 2)]; --d)
        position[index(d)] = 0;
    }
    return sum;
  }

 private:
  /// Adds the source pixel that the kernel position takes to `at`; false when there is none.
  bool place(const std::array<int64_t, kMaxRank>& at, const std::array<int64_t, 3>& position, int64_t& src_offset,
             int64_t& weight_offset) const {
    for (int d = 0; d < desc_.rank; ++d) {
      const std::size_t i = index(d);
      const int64_t reached = at[i + 1] + desc_.pads_begin[i] - position[i] * desc_.dilations[i];
      if (reached < 0 || reached % desc_.strides[i] != 0) return false;
      const int64_t pixel = reached / desc_.strides[i];
      if (pixel >= src_.dims[i + 1]) return false;
      src_offset += pixel * src_.strides[i + 1];
      weight_offset += position[i] * weights_.strides[i + 2];
    }
    return true;
  }

  float add_channels(int64_t src_offset, int64_t weight_offset, float sum) const {
    const int64_t src_step = src_.strides[index(desc_.rank + 1)];
    for (int64_t c = 0; c < ic_; ++c)
      sum = std::fma(src_.as<float>()[src_offset + c * src_step],
                     weights_.as<float>()[weight_offset + c * weights_.strides[0]], sum);
    return sum;
  }

  const ConvTransposeDesc& desc_;
  const TensorView &src_, &weights_;
  int64_t ic_, positions_ = 1;
};

}  // namespace

Status check(const ConvTransposeDesc& desc, Views inputs, Views outputs) {
  constexpr std::string_view kName = "conv_transpose";
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 2, 3, outputs, 1, 1));
  const TensorView &src = inputs[0], &weights = inputs[1], &dst = outputs[0];
  if (desc.rank < 1 || desc.rank > 3 || src.rank != desc.rank + 2 || weights.rank != src.rank || dst.rank != src.rank)
    return plain_error(kName, "source, weights and result have one batch, one channel and 1 to 3 spatial dimensions");
  for (const TensorView* view : {&src, &weights, &dst})
    if (view->dtype != DType::kF32) return plain_error(kName, "only f32 is supported");
  int64_t positions = 1;
  for (int d = 0; d < desc.rank; ++d) {
    const std::size_t i = index(d);
    if (desc.strides[i] < 1 || desc.strides[i] >= kLargest || desc.dilations[i] < 1 || desc.dilations[i] >= kLargest ||
        desc.pads_begin[i] <= -kLargest || desc.pads_begin[i] >= kLargest || weights.dims[i + 2] >= kLargest)
      return plain_error(kName, "strides, dilations or paddings are out of range");
    if (__builtin_mul_overflow(positions, weights.dims[i + 2], &positions) || positions > kMostPositions)
      return plain_error(kName, "the kernel has too many positions");
  }
  const std::size_t channels = index(desc.rank + 1);
  if (desc.groups < 1 || desc.groups >= kLargest || weights.dims[0] % desc.groups != 0 ||
      src.dims[channels] != weights.dims[0] || dst.dims[channels] != weights.dims[1] * desc.groups ||
      src.dims[0] != dst.dims[0])
    return plain_error(kName, concat("weights of ", to_string(weights.shape()), " in ", desc.groups,
                                     " groups do not take ", to_string(src.shape()), " to ", to_string(dst.shape())));
  if (present(inputs, 2) &&
      (inputs[2].dtype != DType::kF32 || inputs[2].rank != 1 || inputs[2].dims[0] != dst.dims[channels]))
    return plain_error(kName, "the bias has one f32 per output channel");
  return {};
}

Status conv_transpose(const ConvTransposeDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &weights = inputs[1], &dst = outputs[0];
  const Sum sum(desc, src, weights);
  OffsetWalk<1> walk(dst.shape(), {&dst});
  for (int64_t i = 0, count = walk.count(); i < count; ++i, walk.next()) {
    float x = sum(walk.index());
    if (present(inputs, 2)) x = x + inputs[2].as<float>()[walk.index()[index(desc.rank + 1)] * inputs[2].strides[0]];
    dst.as<float>()[walk.offset(0)] = x;
  }
  return {};
}

}  // namespace tegula::kernels
