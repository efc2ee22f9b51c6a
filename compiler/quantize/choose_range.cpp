#include "compiler/quantize/choose_range.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace tegula::compiler {
namespace {

constexpr std::array<std::pair<RangeAlgorithm, std::string_view>, 6> kNames = {{
    {RangeAlgorithm::kMinMax, "minmax"},
    {RangeAlgorithm::kMovingAverage, "moving_average"},
    {RangeAlgorithm::kPercentile, "percentile"},
    {RangeAlgorithm::kKl, "kl"},
    {RangeAlgorithm::kMse, "mse"},
    {RangeAlgorithm::kCollector, "collector"},
}};

/// The value below which `below` values lie, on a side of the histogram whose bins run away from zero with `sign`;
/// linear within a bin. `outer` values lie beyond it on that side.
double value_with_outer(std::span<const int64_t> side, double width, double sign, double outer) {
  for (std::size_t k = side.size(); k-- > 0;) {
    const auto count = static_cast<double>(side[k]);
    if (outer < count) return sign * width * (static_cast<double>(k + 1) - outer / count);
    outer -= count;
  }
  return 0;
}

double sum(std::span<const int64_t> counts) {
  int64_t total = 0;
  for (const int64_t count : counts) total += count;
  return static_cast<double>(total);
}

Range percentile_range(const TensorProfile& tensor, double percentile) {
  const Histogram& histogram = tensor.histogram;
  const double outer = static_cast<double>(tensor.finite_count()) * (100 - percentile) / 200;
  const double negative = sum(histogram.negative()), positive = sum(histogram.positive());
  const auto zeros = static_cast<double>(histogram.zeros());
  // From the inner end of the opposite side the count runs the other way.
  const auto end = [&](std::span<const int64_t> near, std::span<const int64_t> far, double near_count, double far_count,
                       double sign) {
    if (outer < near_count) return value_with_outer(near, histogram.width(), sign, outer);
    if (outer < near_count + zeros) return 0.0;
    return value_with_outer(far, histogram.width(), -sign, near_count + zeros + far_count - outer);
  };
  const double low = end(histogram.negative(), histogram.positive(), negative, positive, -1);
  const double high = end(histogram.positive(), histogram.negative(), positive, negative, 1);
  const Range& extremes = tensor.extremes;
  return {std::clamp(static_cast<float>(low), extremes.low, extremes.high),
          std::clamp(static_cast<float>(high), extremes.low, extremes.high)};
}

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

}  // namespace

std::string_view to_string(RangeAlgorithm algorithm) {
  for (const auto& [value, name] : kNames)
    if (value == algorithm) return name;
  return "?";
}

std::optional<RangeAlgorithm> range_algorithm(std::string_view name) {
  for (const auto& [value, known] : kNames)
    if (known == name && value != RangeAlgorithm::kCollector) return value;
  return std::nullopt;
}

Result<Range> choose_range(const TensorProfile& tensor, const RangeOptions& options) {
  if (!(options.percentile > 0 && options.percentile <= 100))
    return invalid(concat("a percentile of ", options.percentile, " is none: it must lie above 0 and up to 100"));
  if (options.levels < 1 || options.levels > 65535)
    return invalid(concat("a range cannot have ", options.levels, " levels: there must be 1 to 65535"));
  if (tensor.finite_count() <= 0) return invalid("calibration has seen no finite value of this tensor");
  switch (options.algorithm) {
    case RangeAlgorithm::kMinMax: return tensor.extremes;
    case RangeAlgorithm::kMovingAverage:
      return Range{static_cast<float>(tensor.moving_average.low), static_cast<float>(tensor.moving_average.high)};
    case RangeAlgorithm::kPercentile: return percentile_range(tensor, options.percentile);
    case RangeAlgorithm::kKl: return kl_range(tensor, options);
    case RangeAlgorithm::kMse: return mse_range(tensor, options);
    case RangeAlgorithm::kCollector: {
      const auto found = tensor.collected.find(options.collector);
      if (found != tensor.collected.end()) return found->second;
      return invalid(concat("the profile has no range of a collector '", options.collector,
                            "' for this tensor; calibrate with that collector"));
    }
  }
  return invalid("unknown algorithm");
}

}  // namespace tegula::compiler
