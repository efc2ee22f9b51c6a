#include <algorithm>
#include <limits>
#include <vector>

#include "compiler/quantize/choose_range.h"

namespace tegula::compiler {
namespace {

/// Clips tried for one end; then as many between the neighbours of the best.
constexpr int kCandidates = 64;

/// The values of a histogram, each for its whole bin.
struct WeightedValue {
  double value, weight;
};

std::vector<WeightedValue> weighted_values(const Histogram& histogram) {
  std::vector<WeightedValue> values;
  const auto add = [&](std::span<const int64_t> side, double width) {
    for (std::size_t k = 0; k < side.size(); ++k)
      if (side[k] != 0) values.push_back({width * (static_cast<double>(k) + .5), static_cast<double>(side[k])});
  };
  add(histogram.negative(), -histogram.width());
  add(histogram.positive(), histogram.width());
  return values;
}

/// To the nearest integer, halves to the even one; |x| < 2^51.
double round_to_even(double x) {
  constexpr double kShift = 0x1.8p52;
  return (x + kShift) - kShift;
}

/// Sum of squared errors of the values when [low, high], low <= 0 <= high, is quantized with zero on a level.
double squared_error(std::span<const WeightedValue> values, double low, double high, int levels) {
  const double scale = (high - low) / levels;
  if (scale <= 0) return std::numeric_limits<double>::infinity();
  const double lowest = round_to_even(low / scale), highest = lowest + levels;
  double error = 0;
  for (const WeightedValue& x : values) {
    const double q = std::clamp(round_to_even(x.value / scale), lowest, highest);
    const double difference = x.value - q * scale;
    error += x.weight * difference * difference;
  }
  return error;
}

/// The end between 0 and `limit` with the least error(end).
template <typename ErrorOf>
double best_end(double limit, const ErrorOf& error) {
  double from = 0, to = limit, best = limit;
  double least = error(limit);
  for (int round = 0; round < 2; ++round) {
    const double step = (to - from) / kCandidates;
    for (int i = 1; i < kCandidates; ++i) {
      const double end = from + step * i;
      const double e = error(end);
      if (e < least) {
        least = e;
        best = end;
      }
    }
    from = best - step;
    to = best == limit ? limit : best + step;
  }
  return best;
}

}  // namespace

Range mse_range(const TensorProfile& tensor, const RangeOptions& options) {
  const std::vector<WeightedValue> values = weighted_values(tensor.histogram);
  if (values.empty()) return tensor.extremes;
  double low = std::min(0.0, static_cast<double>(tensor.extremes.low));
  double high = std::max(0.0, static_cast<double>(tensor.extremes.high));
  if (options.symmetric) {
    const double t =
        best_end(std::max(-low, high), [&](double end) { return squared_error(values, -end, end, options.levels); });
    low = std::max(low, -t);
    high = std::min(high, t);
  } else {
    // One end at a time: where both are clipped the second round sees the other's.
    for (int round = 0; round < (low < 0 && high > 0 ? 2 : 1); ++round) {
      const double lowest = low, highest = high;
      if (high > 0)
        high = best_end(highest, [&](double end) { return squared_error(values, low, end, options.levels); });
      if (low < 0) low = best_end(lowest, [&](double end) { return squared_error(values, end, high, options.levels); });
    }
  }
  const Range& extremes = tensor.extremes;
  return {std::clamp(static_cast<float>(low), extremes.low, extremes.high),
          std::clamp(static_cast<float>(high), extremes.low, extremes.high)};
}

}  // namespace tegula::compiler
