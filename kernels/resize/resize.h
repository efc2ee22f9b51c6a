#pragma once
#include <vector>

#include "kernels/plain_loops.h"

namespace tegula::kernels {

// The numbers of these enumerations are those of program.fbs.
enum class ResizeMode : uint8_t { kNearest = 0, kLinear = 1, kCubic = 2 };

/// Where output coordinate x of an axis falls in the source, with in = src dim, out = scale * in (not rounded, but
/// dst's dim where it differs by no more than the rounding of scale):
enum class CoordinateMode : uint8_t {
  kHalfPixel = 0,           ///< (x + 1/2) / scale - 1/2
  kHalfPixelSymmetric = 1,  ///< the same + in/2 * (1 - dst dim / out): symmetric when out was rounded
  kPytorchHalfPixel = 2,    ///< as kHalfPixel, but -1/2 when out is 1
  kAlignCorners = 3,        ///< x * (in - 1) / (out - 1); 0 when out is 1
  kAsymmetric = 4,          ///< x / scale
  /// With the region [b, e]: b*(in - 1) + x * (e - b)*(in - 1) / (out - 1); (b + e)/2 * (in - 1) when out is 1.
  kTfCropAndResize = 5,
  kTfHalfPixelForNearest = 6,  ///< (x + 1/2) / scale; ONNX 11 had it for nearest only
};

/// Which source element is nearest to a coordinate between two.
enum class NearestMode : uint8_t {
  kRoundPreferFloor = 0,
  kRoundPreferCeil = 1,
  kFloor = 2,
  kCeil = 3,
  kSimple = 4,  ///< what ONNX did before version 11: ceil where scale < 1, floor otherwise
};

struct ResizeAxis {
  int axis = 0;
  double scale = 1;
  double roi_begin = 0, roi_end = 1;  ///< of kTfCropAndResize
  auto operator<=>(const ResizeAxis&) const = default;
};

/// dst[o] = sum over taps t of w0[o0][t0] * (sum of w1[o1][t1] * (... src[...])): interpolation along each of `axes`,
/// given in ascending order, the last axis innermost. Coordinates and weights are computed in double, rounded to float
/// and applied with separate multiplications and additions, taps ascending, those of weight 0 left out.
/// Source coordinates beyond an edge mean the edge, unless exclude_outside drops their taps and rescales the others.
/// antialias widens linear and cubic filters where scale < 1.
/// In kTfCropAndResize every element whose coordinate lies outside [0, in - 1] on any axis becomes `extrapolation`.
///
/// inputs: src. outputs: dst (src's type; src's dims but along `axes`). Nearest: any type; the others: numeric types,
/// computed in float (f64 and integers of 32 and more bits: double), cut off toward zero and saturated for integers.
struct ResizeDesc {
  ResizeMode mode = ResizeMode::kNearest;
  CoordinateMode coordinates = CoordinateMode::kHalfPixel;
  NearestMode nearest = NearestMode::kRoundPreferFloor;
  bool antialias = false;
  bool exclude_outside = false;
  float cubic_a = -0.75f;
  float extrapolation = 0;
  std::vector<ResizeAxis> axes;
  auto operator<=>(const ResizeDesc&) const = default;
};

/// The taps of every output position along one axis.
struct ResizeTaps {
  int axis = 0;
  int count = 0;                 ///< of taps for each position
  std::vector<int64_t> index;    ///< [position][tap]: source index
  std::vector<float> weight;     ///< [position][tap]
  std::vector<double> weight64;  ///< the same before rounding
  std::vector<uint8_t> outside;  ///< [position]: 1 where the element becomes `extrapolation`; empty when none does
};

/// What a resize needs for bound sizes; computed once. check() has succeeded.
std::vector<ResizeTaps> make_resize_taps(const ResizeDesc& desc, const TensorView& src, const TensorView& dst);

/// A pixel is what shares one set of taps: all elements of the dimensions after the last of `axes`.
int64_t resize_pixels(const ResizeDesc& desc, const TensorView& dst);

/// Writes the pixels begin .. end - 1, counted row-major. Allocates nothing.
void resize_range(const ResizeDesc& desc, const std::vector<ResizeTaps>& taps, const TensorView& src,
                  const TensorView& dst, int64_t begin, int64_t end);

Status check(const ResizeDesc& desc, Views inputs, Views outputs);
/// make_resize_taps() and all pixels.
Status resize(const ResizeDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
