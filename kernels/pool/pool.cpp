#include "kernels/pool/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "schema/base/visit_dtype.h"

namespace tegula::kernels {
namespace {

Error error(std::string_view what) {
  return Error{ErrorCode::kInvalidArgument, concat("pool: ", what)};
}

/// One output position: its window and where it is.
struct Window {
  std::array<TapRange, kMaxPoolRank> ranges;
  std::array<int64_t, kMaxPoolRank> origin;  ///< of tap 0, in src
  int64_t counted = 1;
};

/// visit(offset in elements from the channel's first element, spatial position) for each tap inside src, row-major.
template <typename Visit>
void for_each_tap(const PoolDesc& desc, const TensorView& src, const Window& window, Visit&& visit) {
  std::array<int64_t, kMaxPoolRank> tap{};
  for (int d = 0; d < desc.rank; ++d) {
    tap[d] = window.ranges[d].first;
    if (window.ranges[d].first >= window.ranges[d].last) return;
  }
  while (true) {
    std::array<int64_t, kMaxPoolRank> at{};
    int64_t offset = 0;
    for (int d = 0; d < desc.rank; ++d) {
      at[d] = window.origin[d] + tap[d] * desc.dilations[d];
      offset += at[d] * src.strides[1 + d];
    }
    visit(offset, at);
    int d = desc.rank - 1;
    for (; d >= 0; --d) {
      if (++tap[d] < window.ranges[d].last) break;
      tap[d] = window.ranges[d].first;
    }
    if (d < 0) return;
  }
}

template <typename T>
T lowest() {
  if constexpr (std::is_floating_point_v<T>) return -std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::lowest();
}

template <typename T>
T power_mean(const PoolDesc& desc, const TensorView& src, const Window& window, const T* channel) {
  T sum = 0;
  for_each_tap(desc, src, window, [&](int64_t offset, const auto&) {
    const T x = std::abs(channel[offset]);
    if (desc.p == 1)
      sum = sum + x;
    else if (desc.p == 2)
      sum = std::fma(x, x, sum);
    else {
      T power = x;
      for (int64_t i = 1; i < desc.p; ++i) power = power * x;
      sum = sum + power;
    }
  });
  if (desc.p == 1) return sum;
  if (desc.p == 2) return std::sqrt(sum);
  return static_cast<T>(std::pow(static_cast<double>(sum), 1.0 / static_cast<double>(desc.p)));
}

int64_t position(const PoolDesc& desc, const TensorView& src, const std::array<int64_t, kMaxPoolRank>& at) {
  int64_t index = 0;
  if (desc.column_major_indices)
    for (int d = desc.rank - 1; d >= 0; --d) index = index * src.dims[1 + d] + at[d];
  else
    for (int d = 0; d < desc.rank; ++d) index = index * src.dims[1 + d] + at[d];
  return index;
}

template <typename T>
void pool_as(const PoolDesc& desc, const TensorView& src, const TensorView& dst, const TensorView* indices) {
  int64_t spatial = 1;
  for (int d = 0; d < desc.rank; ++d) spatial *= src.dims[1 + d];
  const int64_t channels = src.dims[desc.rank + 1];
  OffsetWalk<1> walk(dst.shape(), {&dst});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
    Window window;
    for (int d = 0; d < desc.rank; ++d) {
      const int64_t out = walk.index()[1 + d];
      window.ranges[d] = tap_range(desc, d, src.dims[1 + d], out);
      window.origin[d] = out * desc.strides[d] - desc.pads_begin[d];
      window.counted *=
          desc.count_include_pad ? window.ranges[d].counted : window.ranges[d].last - window.ranges[d].first;
    }
    const int64_t n = walk.index()[0], c = walk.index()[desc.rank + 1];
    const T* channel = reinterpret_cast<const T*>(src.data) + n * src.strides[0] + c * src.strides[desc.rank + 1];
    T& to = reinterpret_cast<T*>(dst.data)[walk.offset(0)];
    if (desc.kind == PoolKind::kMax) {
      T best = lowest<T>();
      int64_t best_position = 0;
      bool any = false;
      for_each_tap(desc, src, window, [&](int64_t offset, const auto& at) {
        const T x = channel[offset];
        if (!any || x > best) {
          best_position = position(desc, src, at);
          best = x > best ? x : best;
          any = true;
        }
      });
      to = best;
      if (indices != nullptr) {
        int64_t offset = 0;
        for (int d = 0; d < indices->rank; ++d) offset += walk.index()[d] * indices->strides[d];
        reinterpret_cast<int64_t*>(indices->data)[offset] = (n * channels + c) * spatial + best_position;
      }
    } else if constexpr (std::is_floating_point_v<T>) {
      if (desc.kind == PoolKind::kAverage) {
        T sum = 0;
        for_each_tap(desc, src, window, [&](int64_t offset, const auto&) { sum = sum + channel[offset]; });
        to = sum / static_cast<T>(window.counted);
      } else {
        to = power_mean(desc, src, window, channel);
      }
    }
  }
}

}  // namespace

int64_t PoolDesc::taps() const {
  int64_t count = 1;
  for (int d = 0; d < rank; ++d) count *= kernel[d];
  return count;
}

TapRange tap_range(const PoolDesc& desc, int dimension, int64_t in, int64_t out) {
  const int64_t origin = out * desc.strides[dimension] - desc.pads_begin[dimension], step = desc.dilations[dimension];
  // Taps k with 0 <= origin + k * step < end, for an end of src and for one behind the padding.
  const auto taps_before = [&](int64_t end) {
    return std::clamp<int64_t>(end <= origin ? 0 : (end - origin + step - 1) / step, 0, desc.kernel[dimension]);
  };
  TapRange range;
  range.first = origin >= 0 ? 0 : std::min((-origin + step - 1) / step, desc.kernel[dimension]);
  range.last = std::max(taps_before(in), range.first);
  range.counted = taps_before(in + desc.pads_end[dimension]);
  return range;
}

Status check(const PoolDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  if (desc.rank < 1 || desc.rank > kMaxPoolRank) return error("1 to 3 spatial dimensions");
  if (inputs.size() != 1 || outputs.empty() || outputs.size() > 2) return error("one input, one or two outputs");
  const TensorView &src = inputs[0], &dst = outputs[0];
  if (src.rank != desc.rank + 2 || dst.rank != src.rank) return error("src and dst are [n, spatial..., c]");
  if (src.dims[0] != dst.dims[0] || src.dims[src.rank - 1] != dst.dims[src.rank - 1])
    return error("src and dst differ in n or c");
  if (src.dtype != dst.dtype) return error("src and dst differ in type");
  if (src.dtype == DType::kF16 || src.dtype == DType::kBF16 ||
      (desc.kind != PoolKind::kMax && src.dtype != DType::kF32 && src.dtype != DType::kF64))
    return error(concat("no such pooling of ", name_of(src.dtype)));
  for (int d = 0; d < desc.rank; ++d)
    if (desc.kernel[d] < 1 || desc.strides[d] < 1 || desc.dilations[d] < 1 || desc.pads_begin[d] < 0 ||
        desc.pads_end[d] < 0 || desc.kernel[d] > INT32_MAX || desc.strides[d] > INT32_MAX ||
        desc.dilations[d] > INT32_MAX || desc.pads_begin[d] > INT32_MAX || desc.pads_end[d] > INT32_MAX)
      return error("a kernel, stride, dilation or padding is out of range");
  if (desc.p < 1 || desc.p > 64) return error("p is out of range");
  if (outputs.size() == 2 && outputs[1].data != nullptr) {
    const TensorView& indices = outputs[1];
    if (desc.kind != PoolKind::kMax) return error("only max pooling has indices");
    if (indices.dtype != DType::kS64 || indices.rank != dst.rank || indices.dims != dst.dims)
      return error("indices are s64, shaped as dst");
  }
  return {};
}

Status pool(const PoolDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  const TensorView* indices = outputs.size() == 2 && outputs[1].data != nullptr ? &outputs[1] : nullptr;
  if (!has_native_type(inputs[0].dtype)) return error(concat("no pooling of ", name_of(inputs[0].dtype)));
  visit_native(inputs[0].dtype, [&]<typename T>(T) { pool_as<T>(desc, inputs[0], outputs[0], indices); });
  return {};
}

}  // namespace tegula::kernels
