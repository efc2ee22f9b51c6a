#pragma once
#include <cstdint>
#include <span>

namespace tegula::compiler {

/// How far the distribution over `window` diverges from what is left of it after quantization to `levels` values.
///
/// p: the window's counts, with the counts beyond it added to its outermost bins (clipping puts them there).
/// q: the window's bins merged into `levels` groups of equal size (the last one takes the rest), each group's count
/// spread evenly over those of its bins that p has something in.
/// Both are smoothed (1e-4 in empty bins, taken evenly from the others) and made to sum to 1; the result is
/// sum p ln(p / q) [Migacz, "8-bit inference with TensorRT", 2017]. Infinite when p or q has nothing to take from.
/// The window must have at least `levels` bins.
double kl_divergence(std::span<const int64_t> window, int64_t beyond_left, int64_t beyond_right, int levels);

/// The symmetric clip that diverges least.
struct KlThreshold {
  int64_t half_bins = 0;  ///< bins kept on either side of the one in the middle; -1: no candidate is finite
  double divergence = 0;
};

/// Searches an odd number of bins around zero (the middle one is centred on it) for the clip with the least divergence,
/// from `levels` bins up to all of them in steps of one bin a side; the first of equals wins. With 8001 bins and 255
/// levels this is the search of MXNet and TensorRT: the threshold is (half_bins + 1/2) * bin width.
KlThreshold kl_threshold(std::span<const int64_t> histogram, int levels);

}  // namespace tegula::compiler
