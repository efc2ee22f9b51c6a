#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "compiler/quantize/profile.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// How a range follows from what calibration has seen.
enum class RangeAlgorithm {
  kMinMax,         ///< smallest and largest value
  kMovingAverage,  ///< of the samples' smallest and largest values
  kPercentile,     ///< leaves out the outermost values, as many on either side
  kKl,             ///< the clip whose quantized distribution diverges least (Kullback-Leibler) from the full one
  kMse,            ///< the clip with the least mean squared error
  kCollector,      ///< what a user-defined collector has found
};

/// "minmax", "moving_average", "percentile", "kl", "mse"; a collector has its own name instead.
std::string_view to_string(RangeAlgorithm algorithm);
std::optional<RangeAlgorithm> range_algorithm(std::string_view name);

struct RangeOptions {
  RangeAlgorithm algorithm = RangeAlgorithm::kMinMax;
  double percentile = 99.999;  ///< share of the values that stay, in percent; half of the rest goes on either side
  bool symmetric = false;      ///< for kl and mse: the range will be quantized as [-t, t], t the larger magnitude
  int levels = 255;            ///< for kl and mse: steps between the quantized ends; 254 for [-127, 127]
  std::string collector = {};  ///< for kCollector: its name
};

/// The range that the options say, within the extremes. kInvalidArgument: no finite value was seen, an option is out
/// of range, or the profile has nothing of that collector. Pure: the same profile gives the same range everywhere.
Result<Range> choose_range(const TensorProfile& tensor, const RangeOptions& options);

/// The least divergent clip. The clip is [-t, t] cut to the extremes, so a tensor without negative values (behind a
/// ReLU) gets all levels for its positive ones; exact zeros, which have no error, take no part.
Range kl_range(const TensorProfile& tensor, const RangeOptions& options);

/// The clip with the least sum of squared errors over the bins' centres.
Range mse_range(const TensorProfile& tensor, const RangeOptions& options);

}  // namespace tegula::compiler
