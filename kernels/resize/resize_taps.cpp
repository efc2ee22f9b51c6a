#include <algorithm>
#include <cmath>

#include "kernels/resize/resize.h"

namespace tegula::kernels {
namespace {

/// The source coordinate of output position x.
double source_coordinate(const ResizeDesc& desc, const ResizeAxis& axis, double x, double in, double dst_dim) {
  double out = axis.scale * in;
  if (std::fabs(out - dst_dim) < 1e-9 * dst_dim) out = dst_dim;
  switch (desc.coordinates) {
    case CoordinateMode::kHalfPixel: return (x + 0.5) / axis.scale - 0.5;
    case CoordinateMode::kHalfPixelSymmetric: return in / 2 * (1 - dst_dim / out) + (x + 0.5) / axis.scale - 0.5;
    case CoordinateMode::kPytorchHalfPixel: return out == 1 ? -0.5 : (x + 0.5) / axis.scale - 0.5;
    case CoordinateMode::kAlignCorners: return out == 1 ? 0 : x * (in - 1) / (out - 1);
    case CoordinateMode::kAsymmetric: return x / axis.scale;
    case CoordinateMode::kTfHalfPixelForNearest: return (x + 0.5) / axis.scale;
    case CoordinateMode::kTfCropAndResize: {
      const double span = (axis.roi_end - axis.roi_begin) * (in - 1);
      return (out == 1 ? span / 2 : x * span / (out - 1)) + axis.roi_begin * (in - 1);
    }
  }
  return 0;
}

double cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

/// Weights of the taps at first, first + 1, ... around a coordinate `ratio` in (0, 1] above tap 0.
struct Filter {
  int64_t first;
  std::vector<double> weights;
};

/// Positions whose neighbours are as far left as right belong to the left pair, hence (0, 1].
Filter make_filter(const ResizeDesc& desc, double scale, double ratio) {
  switch (desc.mode) {
    case ResizeMode::kNearest: {
      bool upper = true;
      if (ratio != 1) switch (desc.nearest) {
          case NearestMode::kRoundPreferFloor: upper = ratio > 0.5; break;
          case NearestMode::kRoundPreferCeil: upper = ratio >= 0.5; break;
          case NearestMode::kFloor: upper = false; break;
          case NearestMode::kCeil: upper = true; break;
          case NearestMode::kSimple: upper = scale < 1; break;
        }
      return {upper ? 1 : 0, {1.0}};
    }
    case ResizeMode::kLinear: {
      if (!desc.antialias) return {0, {1 - ratio, ratio}};
      const double narrow = std::min(scale, 1.0);
      const int64_t first = static_cast<int64_t>(std::floor(-1 / narrow)) + 1;
      Filter filter{first, {}};
      for (int64_t i = first; i < 2 - first; ++i)
        filter.weights.push_back(std::max(0.0, 1 - std::fabs((static_cast<double>(i) - ratio) * narrow)));
      return filter;
    }
    case ResizeMode::kCubic: {
      const double narrow = desc.antialias ? std::min(scale, 1.0) : 1.0;
      const int64_t first = static_cast<int64_t>(std::floor(-2 / narrow)) + 1;
      Filter filter{first, {}};
      for (int64_t i = first; i < 2 - first; ++i)
        filter.weights.push_back(cubic(narrow * (static_cast<double>(i) - ratio), desc.cubic_a));
      return filter;
    }
  }
  return {0, {1.0}};
}

void scale_to_sum_one(std::vector<double>& weights) {
  double sum = 0;
  for (const double w : weights) sum += w;
  if (sum != 0)
    for (double& w : weights) w /= sum;
}

ResizeTaps make_axis_taps(const ResizeDesc& desc, const ResizeAxis& axis, int64_t in, int64_t positions) {
  ResizeTaps taps;
  taps.axis = axis.axis;
  taps.count = static_cast<int>(make_filter(desc, axis.scale, 1).weights.size());
  const int64_t last = in - 1;
  const double margin = taps.count + 1.0;  // farther out, all taps are beyond the edge anyway
  for (int64_t o = 0; o < positions; ++o) {
    double x =
        source_coordinate(desc, axis, static_cast<double>(o), static_cast<double>(in), static_cast<double>(positions));
    const bool outside =
        desc.coordinates == CoordinateMode::kTfCropAndResize && !(x >= 0 && x <= static_cast<double>(last));
    if (outside && taps.outside.empty()) taps.outside.assign(static_cast<std::size_t>(positions), 0);
    if (outside) taps.outside[static_cast<std::size_t>(o)] = 1;
    x = x == x ? std::clamp(x, -margin, static_cast<double>(last) + margin) : 0;

    const double below = std::ceil(x) - 1;
    Filter filter = make_filter(desc, axis.scale, x - below);
    const int64_t first = static_cast<int64_t>(below) + filter.first;
    if (desc.antialias) scale_to_sum_one(filter.weights);
    if (desc.exclude_outside) {
      for (std::size_t t = 0; t < filter.weights.size(); ++t) {
        const int64_t index = first + static_cast<int64_t>(t);
        if (index < 0 || index > last) filter.weights[t] = 0;
      }
      scale_to_sum_one(filter.weights);
    }
    for (std::size_t t = 0; t < filter.weights.size(); ++t) {
      taps.index.push_back(std::clamp<int64_t>(first + static_cast<int64_t>(t), 0, last));
      taps.weight.push_back(static_cast<float>(filter.weights[t]));
      taps.weight64.push_back(filter.weights[t]);
    }
  }
  return taps;
}

}  // namespace

std::vector<ResizeTaps> make_resize_taps(const ResizeDesc& desc, const TensorView& src, const TensorView& dst) {
  std::vector<ResizeTaps> all;
  if (dst.count() == 0) return all;
  for (const ResizeAxis& axis : desc.axes)
    all.push_back(make_axis_taps(desc, axis, src.dims[axis.axis], dst.dims[axis.axis]));
  return all;
}

}  // namespace tegula::kernels
