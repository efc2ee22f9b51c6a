#include "compiler/quantize/channel_factors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tegula::compiler {
namespace {

constexpr int kAlphas = 20;              // steps between 0 and 1
constexpr double kNoiseOfRounding = 12;  // a uniform error of step d has the variance d^2 / 12
constexpr double kActivationSteps = 255, kWeightSteps = 127;

bool has_values(const ChannelProfile& channels, std::size_t c) {
  return channels.min[c] <= channels.max[c];
}

/// The largest of many values that are distributed alike is expected where this many of them lie beyond: e^-gamma, by
/// the limit law of extremes (Gumbel).
const double kBeyondLargest = std::exp(-std::numbers::egamma);

/// The share of a normal distribution that lies more than `deviations` above its mean.
double tail(double deviations) {
  return std::erfc(deviations / std::numbers::sqrt2) / 2;
}

/// Where the falling function becomes `value`, between two places.
template <typename F>
double where_falls_to(double value, double from, double to, const F& f) {
  for (int i = 0; i < 60; ++i) {
    const double middle = (from + to) / 2;
    (f(middle) > value ? from : to) = middle;
  }
  return to;
}

/// How many deviations above the mean the largest of n normally distributed values is expected.
double reach_of(double count) {
  const double n = std::max(2.0, count);
  return where_falls_to(kBeyondLargest, 0, 40, [&](double deviations) { return n * tail(deviations); });
}

/// One channel as two halves of normal distributions that meet at its mean, such that the largest and the smallest of
/// as many values are expected where they were.
struct HalfNormals {
  double mean = 0, below = 0, above = 0;  // deviations on either side
};

/// `reach`: reach_of(channels.count).
HalfNormals half_normals(const ChannelProfile& channels, std::size_t c, double reach) {
  const double low = channels.min[c], high = channels.max[c];
  const double mean = std::clamp(channels.sum[c] / static_cast<double>(channels.count), low, high);
  return {.mean = mean, .below = (mean - low) / reach, .above = (high - mean) / reach};
}

struct Ends {
  double low = 0, high = 0;
};

/// Where the ends of the channels, each divided by its factor, are expected among as many values as they have together:
/// beyond the extremes of single channels, where many of them have theirs at the same place. Zero lies between, and an
/// end at zero, as a ReLU makes it, stays there.
Ends expected_ends(const ChannelProfile& channels, std::span<const double> factors) {
  const double reach = reach_of(static_cast<double>(channels.count));
  std::vector<HalfNormals> divided;
  Ends seen;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    if (!has_values(channels, c)) continue;
    const HalfNormals halves = half_normals(channels, c, reach);
    divided.push_back({halves.mean / factors[c], halves.below / factors[c], halves.above / factors[c]});
    seen.low = std::min(seen.low, channels.min[c] / factors[c]);
    seen.high = std::max(seen.high, channels.max[c] / factors[c]);
  }
  // `sign`: 1 for the upper end, -1 for the lower one, whose values are counted downwards.
  const auto end = [&](double sign, double inner) {
    const auto beyond = [&](double place) {
      double sum = 0;
      for (const HalfNormals& halves : divided) {
        const double deviation = sign > 0 ? halves.above : halves.below, distance = place - sign * halves.mean;
        if (deviation > 0) sum += tail(distance / deviation);
      }
      return sum * static_cast<double>(channels.count);
    };
    return inner > 0 ? where_falls_to(kBeyondLargest, inner, 4 * inner, beyond) : 0;
  };
  return {.low = -end(-1, -seen.low), .high = end(1, seen.high)};
}

double largest(const ChannelProfile& channels, std::size_t c) {
  return has_values(channels, c) ? std::max(std::abs(channels.min[c]), std::abs(channels.max[c])) : 0;
}

double mean_square(const ChannelProfile& channels, std::size_t c, double reach) {
  const HalfNormals halves = half_normals(channels, c, reach);
  return halves.mean * halves.mean + (halves.below * halves.below + halves.above * halves.above) / 2;
}

std::vector<double> largest_weights(const SharedWeights& weights, std::size_t channels) {
  std::vector<double> result(channels, 0);
  for (const SharedWeights::Weight& w : weights.weights) {
    double& maximum = result[static_cast<std::size_t>(w.input)];
    maximum = std::max(maximum, std::abs(static_cast<double>(w.value)));
  }
  return result;
}

/// Counts of a histogram that is made of shares of a distribution.
class SharesOfValues {
 public:
  explicit SharesOfValues(float largest) : log2_width_(Histogram::log2_width_for(largest)) {
    negative_.resize(Histogram::kBins);
    positive_.resize(Histogram::kBins);
  }
  void add(double value, int64_t count) {
    const auto magnitude = static_cast<float>(std::abs(value));
    const int bin = std::min(Histogram::bin_of(magnitude, log2_width_), Histogram::kBins - 1);
    if (magnitude == 0)
      zeros_ += count;
    else
      (value < 0 ? negative_ : positive_)[static_cast<std::size_t>(bin)] += count;
    total_ += count;
  }
  int64_t total() const { return total_; }
  Histogram histogram() const {
    Histogram result;
    result.add(log2_width_, negative_, positive_, zeros_);
    return result;
  }

 private:
  int log2_width_;
  std::vector<int64_t> negative_, positive_;
  int64_t zeros_ = 0, total_ = 0;
};

/// Spreads a channel over the cells of its two halves, up to the ends.
void add_channel(SharesOfValues& shares, const ChannelProfile& channels, std::size_t c, const Ends& ends) {
  constexpr int kCells = 64;              // of a side
  constexpr double kFractions = 1 << 12;  // of a value, so that thin cells have a count
  const auto count = static_cast<double>(channels.count);
  const HalfNormals halves = half_normals(channels, c, reach_of(count));
  const double width = reach_of(count * static_cast<double>(channels.size())) / kCells;
  for (int i = 0; i < kCells; ++i) {
    const double share = tail(i * width) - tail((i + 1) * width);
    const auto fractions = static_cast<int64_t>(share * count * kFractions + 0.5);
    shares.add(std::max(halves.mean - (i + .5) * width * halves.below, ends.low), fractions);
    shares.add(std::min(halves.mean + (i + .5) * width * halves.above, ends.high), fractions);
  }
}

}  // namespace

std::vector<double> channel_factors(const ChannelProfile& channels, const SharedWeights& weights, double alpha) {
  std::vector<double> factors(channels.size(), 1);
  const std::vector<double> maxima = largest_weights(weights, channels.size());
  double sum_of_logs = 0;
  int64_t count = 0;
  const auto counts = [&](std::size_t c) { return largest(channels, c) > 0 && maxima[c] > 0; };
  for (std::size_t c = 0; c < factors.size(); ++c) {
    if (!counts(c)) continue;
    const double log = alpha * std::log(largest(channels, c)) - (1 - alpha) * std::log(maxima[c]);
    factors[c] = log;
    sum_of_logs += log;
    ++count;
  }
  for (std::size_t c = 0; c < factors.size(); ++c)
    if (counts(c)) factors[c] = std::exp(factors[c] - sum_of_logs / static_cast<double>(count));
  return factors;
}

double expected_error(const ChannelProfile& channels, const SharedWeights& weights, std::span<const double> factors) {
  const Ends ends = expected_ends(channels, factors);
  const double reach = reach_of(static_cast<double>(channels.count));
  std::vector<double> mean_squares(channels.size(), 0);
  for (std::size_t c = 0; c < channels.size(); ++c)
    if (has_values(channels, c)) mean_squares[c] = mean_square(channels, c, reach) / (factors[c] * factors[c]);
  double sum_of_weights = 0;
  std::vector<double> maxima(static_cast<std::size_t>(weights.outputs), 0), inputs(maxima);
  for (const SharedWeights::Weight& weight : weights.weights) {
    const auto c = static_cast<std::size_t>(weight.input), j = static_cast<std::size_t>(weight.output);
    const double w = std::abs(static_cast<double>(weight.value)) * factors[c];
    sum_of_weights += w * w;
    maxima[j] = std::max(maxima[j], w);
    inputs[j] += mean_squares[c];
  }
  const double step = (ends.high - ends.low) / kActivationSteps;
  double error = step * step / kNoiseOfRounding * sum_of_weights;
  for (std::size_t j = 0; j < maxima.size(); ++j) {
    const double weight_step = maxima[j] / kWeightSteps;
    error += weight_step * weight_step / kNoiseOfRounding * inputs[j];
  }
  return error;
}

std::optional<double> best_alpha(const ChannelProfile& channels, const SharedWeights& weights) {
  std::optional<double> best;
  double least = expected_error(channels, weights, std::vector<double>(channels.size(), 1));
  for (int i = 0; i <= kAlphas; ++i) {
    const double alpha = static_cast<double>(i) / kAlphas;
    const double error = expected_error(channels, weights, channel_factors(channels, weights, alpha));
    if (!(error < least)) continue;
    least = error;
    best = alpha;
  }
  return best;
}

TensorProfile divided(const TensorProfile& tensor, std::span<const double> factors) {
  TensorProfile result = tensor;
  const Ends ends = expected_ends(tensor.channels, factors);
  ChannelProfile& channels = result.channels;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    if (!has_values(channels, c)) continue;
    channels.min[c] = static_cast<float>(channels.min[c] / factors[c]);
    channels.max[c] = static_cast<float>(channels.max[c] / factors[c]);
    channels.sum[c] /= factors[c];
  }
  const Range extremes{static_cast<float>(ends.low), static_cast<float>(ends.high)};
  SharesOfValues shares(std::max(-extremes.low, extremes.high));
  for (std::size_t c = 0; c < channels.size(); ++c)
    if (has_values(channels, c)) add_channel(shares, channels, c, ends);
  result.extremes = extremes;
  result.moving_average = {.low = extremes.low,
                           .high = extremes.high,
                           .first_low = extremes.low,
                           .first_high = extremes.high,
                           .samples = tensor.moving_average.samples};
  result.histogram = shares.histogram();
  result.count = shares.total();
  result.nan_count = result.inf_count = 0;
  result.collected.clear();
  return result;
}

}  // namespace tegula::compiler
