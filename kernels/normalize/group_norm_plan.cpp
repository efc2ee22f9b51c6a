#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/eltwise/iteration.h"
#include "kernels/normalize/group_norm_kernel.h"
#include "kernels/normalize/lanes.h"

namespace tegula::kernels {
namespace {

/// The sum over one group's channels, in the order that group_norm.h gives.
float sum_of_channels(const float* sums, int64_t channels) {
  std::array<float, kGroupNormLanes> lanes{};
  for (int64_t c = 0; c < channels; ++c) {
    float& lane = lanes[static_cast<std::size_t>(c % kGroupNormLanes)];
    lane = lane + sums[c];
  }
  return sum_of_lanes(lanes);
}

/// Groups [first, last) of one image.
void run_groups(const GroupNormPlan& plan, const GroupNormCode& code, GroupNormCall call, const float* scale,
                const float* bias, int64_t first, int64_t last, std::byte* scratch) {
  const int64_t per_group = plan.channels / plan.groups, start = first * per_group;
  auto* const sums = reinterpret_cast<float*>(scratch);
  float *const mean = sums + plan.channels, *const factor = mean + plan.channels;
  const float count = static_cast<float>(plan.positions * per_group);
  call.channels = (last - first) * per_group;
  call.sums = sums;
  call.mean = mean;
  call.factor = factor;
  call.bias = bias + start;
  code.sum(call);
  for (int64_t c = 0; c < call.channels; c += per_group)
    std::fill_n(mean + c, per_group, sum_of_channels(sums + c, per_group) / count);
  code.squares(call);
  for (int64_t c = 0; c < call.channels; c += per_group) {
    const float inverse = 1.0f / std::sqrt(sum_of_channels(sums + c, per_group) / count + plan.epsilon);
    for (int64_t i = c; i < c + per_group; ++i) factor[i] = inverse * scale[start + i];
  }
  code.results(call);
}

}  // namespace

int64_t GroupNormPlan::groups_per_unit() const {
  constexpr int64_t kChannels = 32;
  const int64_t per_group = channels / groups;
  return std::clamp<int64_t>((kChannels + per_group - 1) / per_group, 1, groups);
}

int64_t GroupNormPlan::units() const {
  return images * ((groups + groups_per_unit() - 1) / groups_per_unit());
}

std::optional<GroupNormPlan> plan_group_norm(const GroupNormDesc& desc, std::span<const TensorView> inputs,
                                             std::span<const TensorView> outputs) {
  const TensorView &src = inputs[0], &dst = outputs[0];
  const int last = src.rank - 1;
  if (src.dtype != DType::kF32 || src.count() == 0) return std::nullopt;
  const auto is_contiguous_row = [](const TensorView& view) {
    return view.dims[view.rank - 1] == 1 || view.strides[view.rank - 1] == 1;
  };
  for (const TensorView& view : {src, dst, inputs[1], inputs[2]})
    if (!is_contiguous_row(view)) return std::nullopt;

  // The positions alone: dimensions 1 .. rank - 2.
  std::array<TensorView, 2> positions = {src, dst};
  for (TensorView& view : positions) {
    for (int d = 1; d < last; ++d) {
      view.dims[d - 1] = view.dims[d];
      view.strides[d - 1] = view.strides[d];
    }
    view.rank = last - 1;
  }
  const CommonWalk<2> walk(positions[0].shape(), positions);
  if (walk.rank != 1) return std::nullopt;

  GroupNormPlan plan;
  plan.images = src.dims[0];
  plan.positions = walk.inner();
  plan.channels = src.dims[last];
  plan.groups = desc.groups;
  plan.src_image_stride = src.strides[0];
  plan.dst_image_stride = dst.strides[0];
  plan.src_position_stride = walk.inner_stride(0);
  plan.dst_position_stride = walk.inner_stride(1);
  plan.epsilon = desc.epsilon;
  return plan;
}

void run_group_norm(const GroupNormPlan& plan, const GroupNormCode& code, const float* src, const float* scale,
                    const float* bias, float* dst, int64_t begin, int64_t end, std::byte* scratch) {
  const int64_t per_unit = plan.groups_per_unit(), units_per_image = (plan.groups + per_unit - 1) / per_unit;
  const int64_t channels_per_group = plan.channels / plan.groups;
  while (begin < end) {  // as many neighbouring units of an image as there are
    const int64_t image = begin / units_per_image, unit = begin % units_per_image;
    const int64_t units = std::min(end - begin, units_per_image - unit);
    const int64_t first = unit * per_unit, last = std::min(plan.groups, (unit + units) * per_unit);
    GroupNormCall call;
    call.positions = plan.positions;
    call.src = src + image * plan.src_image_stride + first * channels_per_group;
    call.src_position_bytes = plan.src_position_stride * static_cast<int64_t>(sizeof(float));
    call.dst = dst + image * plan.dst_image_stride + first * channels_per_group;
    call.dst_position_bytes = plan.dst_position_stride * static_cast<int64_t>(sizeof(float));
    run_groups(plan, code, call, scale, bias, first, last, scratch);
    begin += units;
  }
}

}  // namespace tegula::kernels
