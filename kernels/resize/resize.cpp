#include "kernels/resize/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace tegula::kernels {
namespace {

constexpr std::string_view kName = "resize";

/// Elements of one pixel that are interpolated together: buffers of this size lie on the stack, one for each axis.
constexpr int64_t kChunk = 64;

/// First dimension of a pixel.
int pixel_begin(const ResizeDesc& desc) {
  return desc.axes.empty() ? 0 : desc.axes.back().axis + 1;
}

template <typename T>
using Accumulator =
    std::conditional_t<std::is_same_v<T, float> || (std::is_integral_v<T> && sizeof(T) < 4), float, double>;

template <typename T, typename Sum>
T from_sum(Sum sum) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(sum);
  } else {
    using Limits = std::numeric_limits<T>;
    if (!(sum > static_cast<Sum>(Limits::min()))) return Limits::min();  // also NaN
    if (sum >= static_cast<Sum>(Limits::max())) return Limits::max();
    return static_cast<T>(sum);
  }
}

/// One pixel's way from src to dst: at[a] is its position along axis a of the descriptor.
template <typename T>
struct Pixel {
  using Sum = Accumulator<T>;
  const ResizeDesc& desc;
  const std::vector<ResizeTaps>& taps;
  const TensorView& src;
  std::array<int64_t, kMaxRank> at{};

  const Sum* weights(std::size_t a) const {
    if constexpr (std::is_same_v<Sum, float>)
      return taps[a].weight.data() + at[a] * taps[a].count;
    else
      return taps[a].weight64.data() + at[a] * taps[a].count;
  }
  const int64_t* indices(std::size_t a) const { return taps[a].index.data() + at[a] * taps[a].count; }

  /// sums[0 .. n-1] = the interpolation along axes a, a + 1, ... of n elements that start at `from`, `step` apart. Not
  /// inlined into itself, which compilers do several levels deep.
  [[gnu::noinline]] void interpolate(std::size_t a, const T* from, int64_t step, int64_t n, Sum* sums) const {
    const Sum* const w = weights(a);
    const int64_t* const index = indices(a);
    const int64_t stride = src.strides[taps[a].axis];
    const bool innermost = a + 1 == taps.size();
    bool first = true;
    for (int t = 0; t < taps[a].count; ++t) {
      if (w[t] == 0) continue;
      const T* const line = from + index[t] * stride;
      Sum inner[kChunk];
      if (innermost) {
        if (first)
          for (int64_t i = 0; i < n; ++i) sums[i] = w[t] * static_cast<Sum>(line[i * step]);
        else
          for (int64_t i = 0; i < n; ++i) sums[i] += w[t] * static_cast<Sum>(line[i * step]);
      } else {
        interpolate(a + 1, line, step, n, inner);
        if (first)
          for (int64_t i = 0; i < n; ++i) sums[i] = w[t] * inner[i];
        else
          for (int64_t i = 0; i < n; ++i) sums[i] += w[t] * inner[i];
      }
      first = false;
    }
    if (first) std::fill_n(sums, n, Sum{});
  }

  bool outside() const {
    for (std::size_t a = 0; a < taps.size(); ++a)
      if (!taps[a].outside.empty() && taps[a].outside[static_cast<std::size_t>(at[a])] != 0) return true;
    return false;
  }
};

/// Calls visit(at, src offset without the resized axes, dst offset) for the pixels begin .. end - 1.
template <typename Visit>
void for_each_pixel(const ResizeDesc& desc, const TensorView& src, const TensorView& dst, int64_t begin, int64_t end,
                    Visit&& visit) {
  const int outer = pixel_begin(desc);
  std::array<int64_t, kMaxRank> index{}, src_strides = src.strides;
  for (const ResizeAxis& axis : desc.axes) src_strides[axis.axis] = 0;
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    if (pixel == begin) {
      int64_t rest = pixel;
      for (int d = outer - 1; d >= 0; --d) {
        index[d] = rest % dst.dims[d];
        rest /= dst.dims[d];
      }
    }
    int64_t src_offset = 0, dst_offset = 0;
    for (int d = 0; d < outer; ++d) {
      src_offset += index[d] * src_strides[d];
      dst_offset += index[d] * dst.strides[d];
    }
    std::array<int64_t, kMaxRank> at{};
    for (std::size_t a = 0; a < desc.axes.size(); ++a) at[a] = index[desc.axes[a].axis];
    visit(at, src_offset, dst_offset);
    for (int d = outer - 1; d >= 0 && ++index[d] == dst.dims[d]; --d) index[d] = 0;
  }
}

/// The dimensions of one pixel as lines of `n` elements: visit(src offset, dst offset) for each line.
struct PixelLines {
  TensorView src, dst;  ///< the dimensions of the pixel but the last
  int64_t n = 1, src_step = 0, dst_step = 0;

  PixelLines(const ResizeDesc& desc, const TensorView& from, const TensorView& to) : src(from), dst(to) {
    const int outer = pixel_begin(desc), inner = to.rank - outer;
    src.rank = dst.rank = std::max(0, inner - 1);
    for (int d = 0; d < dst.rank; ++d) {
      src.dims[d] = dst.dims[d] = to.dims[outer + d];
      src.strides[d] = from.strides[outer + d];
      dst.strides[d] = to.strides[outer + d];
    }
    if (inner == 0) return;
    n = to.dims[to.rank - 1];
    src_step = from.strides[from.rank - 1];
    dst_step = to.strides[to.rank - 1];
  }

  template <typename Visit>
  void for_each(Visit&& visit) const {
    OffsetWalk<2> walk(dst.shape(), {&src, &dst});
    for (int64_t count = walk.count(); count > 0; --count, walk.next()) visit(walk.offset(0), walk.offset(1));
  }
};

void resize_nearest(const ResizeDesc& desc, const std::vector<ResizeTaps>& taps, const TensorView& src,
                    const TensorView& dst, int64_t begin, int64_t end) {
  const PixelLines lines(desc, src, dst);
  visit_by_size(src.dtype, [&](auto tag) {
    using T = decltype(tag);
    for_each_pixel(desc, src, dst, begin, end, [&](const auto& at, int64_t src_offset, int64_t dst_offset) {
      for (std::size_t a = 0; a < taps.size(); ++a)
        src_offset += taps[a].index[static_cast<std::size_t>(at[a])] * src.strides[taps[a].axis];
      const T* const from = src.as<T>() + src_offset;
      T* const to = dst.as<T>() + dst_offset;
      lines.for_each([&](int64_t s, int64_t d) {
        if (lines.src_step == 1 && lines.dst_step == 1)
          std::memcpy(to + d, from + s, static_cast<std::size_t>(lines.n) * sizeof(T));
        else
          for (int64_t i = 0; i < lines.n; ++i) to[d + i * lines.dst_step] = from[s + i * lines.src_step];
      });
    });
  });
}

template <typename T>
void resize_interpolated(const ResizeDesc& desc, const std::vector<ResizeTaps>& taps, const TensorView& src,
                         const TensorView& dst, int64_t begin, int64_t end) {
  const PixelLines lines(desc, src, dst);
  Pixel<T> pixel{desc, taps, src};
  for_each_pixel(desc, src, dst, begin, end, [&](const auto& at, int64_t src_offset, int64_t dst_offset) {
    pixel.at = at;
    const T* const from = src.as<T>() + src_offset;
    T* const to = dst.as<T>() + dst_offset;
    lines.for_each([&](int64_t s, int64_t d) {
      for (int64_t i = 0; i < lines.n; i += kChunk) {
        const int64_t m = std::min(kChunk, lines.n - i);
        typename Pixel<T>::Sum sums[kChunk];
        pixel.interpolate(0, from + s + i * lines.src_step, lines.src_step, m, sums);
        T* const out = to + d + i * lines.dst_step;
        for (int64_t j = 0; j < m; ++j) out[j * lines.dst_step] = from_sum<T>(sums[j]);
      }
    });
  });
}

void fill_outside(const ResizeDesc& desc, const std::vector<ResizeTaps>& taps, const TensorView& src,
                  const TensorView& dst, int64_t begin, int64_t end) {
  if (std::all_of(taps.begin(), taps.end(), [](const ResizeTaps& t) { return t.outside.empty(); })) return;
  const PixelLines lines(desc, src, dst);
  visit_native(dst.dtype, [&](auto tag) {
    using T = decltype(tag);
    const T value = from_sum<T>(static_cast<Accumulator<T>>(desc.extrapolation));
    Pixel<T> pixel{desc, taps, src};
    for_each_pixel(desc, src, dst, begin, end, [&](const auto& at, int64_t, int64_t dst_offset) {
      pixel.at = at;
      if (!pixel.outside()) return;
      lines.for_each([&](int64_t, int64_t d) {
        for (int64_t i = 0; i < lines.n; ++i) dst.as<T>()[dst_offset + d + i * lines.dst_step] = value;
      });
    });
  });
}

}  // namespace

int64_t resize_pixels(const ResizeDesc& desc, const TensorView& dst) {
  return element_count(dst.shape().first(static_cast<std::size_t>(pixel_begin(desc))));
}

void resize_range(const ResizeDesc& desc, const std::vector<ResizeTaps>& taps, const TensorView& src,
                  const TensorView& dst, int64_t begin, int64_t end) {
  if (dst.count() == 0) return;
  if (desc.mode == ResizeMode::kNearest || taps.empty()) {
    resize_nearest(desc, taps, src, dst, begin, end);
  } else {
    visit_native(src.dtype, [&](auto tag) { resize_interpolated<decltype(tag)>(desc, taps, src, dst, begin, end); });
  }
  fill_outside(desc, taps, src, dst, begin, end);
}

Status check(const ResizeDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 1, 1, outputs, 1, 1));
  const TensorView &src = inputs[0], &dst = outputs[0];
  if (desc.mode > ResizeMode::kCubic || desc.coordinates > CoordinateMode::kTfHalfPixelForNearest ||
      desc.nearest > NearestMode::kSimple)
    return plain_error(kName, "unknown mode");
  if (src.dtype != dst.dtype || src.rank != dst.rank) return plain_error(kName, "src and dst differ in type or rank");
  const bool computes = desc.mode != ResizeMode::kNearest || desc.coordinates == CoordinateMode::kTfCropAndResize;
  if (computes && !is_numeric(src.dtype)) return plain_error(kName, concat("no interpolation of ", name_of(src.dtype)));
  std::array<bool, kMaxRank> resized{};
  int last = -1;
  for (const ResizeAxis& axis : desc.axes) {
    if (axis.axis <= last || axis.axis >= src.rank) return plain_error(kName, "axes must ascend and be in range");
    last = axis.axis;
    resized[axis.axis] = true;
    if (!(axis.scale > 0) || !std::isfinite(axis.scale) || !std::isfinite(axis.roi_begin) ||
        !std::isfinite(axis.roi_end))
      return plain_error(kName, "scales must be positive and finite, regions finite");
    if (dst.dims[axis.axis] > 0 && src.dims[axis.axis] == 0)
      return plain_error(kName, "nothing to resize along an axis");
    // Bounds the number of taps, which grows with 1 / scale, by the size of the source.
    if (desc.antialias && dst.dims[axis.axis] > 0 && axis.scale * static_cast<double>(src.dims[axis.axis]) < 0.5)
      return plain_error(kName, "the scale is too small for the dimension");
  }
  for (int d = 0; d < src.rank; ++d)
    if (!resized[d] && src.dims[d] != dst.dims[d])
      return plain_error(kName, concat("dimension ", d, " changes but is not among the axes"));
  return {};
}

Status resize(const ResizeDesc& desc, Views inputs, Views outputs) {
  const std::vector<ResizeTaps> taps = make_resize_taps(desc, inputs[0], outputs[0]);
  resize_range(desc, taps, inputs[0], outputs[0], 0, resize_pixels(desc, outputs[0]));
  return {};
}

}  // namespace tegula::kernels
