#include "compiler/quantize/channel_factors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace tegula::compiler {
namespace {

constexpr int kAlphas = 20;              // steps between 0 and 1
constexpr double kNoiseOfRounding = 12;  // a uniform error of step d has the variance d^2 / 12
constexpr double kActivationSteps = 255, kWeightSteps = 127;

/// One channel as two halves of normal distributions that meet at its mean.
struct HalfNormals {
  double mean = 0, below = 0, above = 0;  // deviations on either side
  double reach = 1;                       // deviations to the extremes
};

/// How many deviations above the mean the largest of n normally distributed values is expected, by the limit law of
/// extremes (Gumbel): a - (ln ln n + ln 4 pi) / 2a + gamma / a with a = sqrt(2 ln n).
double expected_reach(int64_t count) {
  const double log = std::log(std::max<double>(2, static_cast<double>(count))), a = std::sqrt(2 * log);
  return a - (std::log(log) + std::log(4 * std::numbers::pi)) / (2 * a) + std::numbers::egamma / a;
}

HalfNormals half_normals(const ChannelProfile& channels, std::size_t c) {
  const double low = channels.min[c], high = channels.max[c];
  HalfNormals result;
  result.mean = std::clamp(channels.sum[c] / static_cast<double>(channels.count), low, high);
  result.reach = expected_reach(channels.count);
  result.below = (result.mean - low) / result.reach;
  result.above = (high - result.mean) / result.reach;
  return result;
}

bool has_values(const ChannelProfile& channels, std::size_t c) {
  return channels.min[c] <= channels.max[c];
}

double largest(const ChannelProfile& channels, std::size_t c) {
  return has_values(channels, c) ? std::max(std::abs(channels.min[c]), std::abs(channels.max[c])) : 0;
}

double mean_square(const ChannelProfile& channels, std::size_t c) {
  if (!has_values(channels, c)) return 0;
  const HalfNormals halves = half_normals(channels, c);
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

/// Spreads a channel over the cells of its two halves, and adds its extremes once each.
void add_channel(SharesOfValues& shares, const ChannelProfile& channels, std::size_t c) {
  constexpr int kCells = 64;              // of a side
  constexpr double kFractions = 1 << 12;  // of a value, so that thin cells have a count
  const HalfNormals halves = half_normals(channels, c);
  const double width = halves.reach / kCells;
  const auto share_up_to = [](double deviations) { return std::erf(deviations / std::sqrt(2)) / 2; };
  for (int i = 0; i < kCells; ++i) {
    const double share = share_up_to((i + 1) * width) - share_up_to(i * width);
    const auto count = static_cast<int64_t>(share * static_cast<double>(channels.count) * kFractions + 0.5);
    shares.add(halves.mean - (i + .5) * width * halves.below, count);
    shares.add(halves.mean + (i + .5) * width * halves.above, count);
  }
  shares.add(channels.min[c], static_cast<int64_t>(kFractions));
  shares.add(channels.max[c], static_cast<int64_t>(kFractions));
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
  double low = 0, high = 0;
  std::vector<double> mean_squares(channels.size(), 0);
  for (std::size_t c = 0; c < channels.size(); ++c) {
    if (!has_values(channels, c)) continue;
    low = std::min(low, channels.min[c] / factors[c]);
    high = std::max(high, channels.max[c] / factors[c]);
    mean_squares[c] = mean_square(channels, c) / (factors[c] * factors[c]);
  }
  double sum_of_weights = 0;
  std::vector<double> maxima(static_cast<std::size_t>(weights.outputs), 0), inputs(maxima);
  for (const SharedWeights::Weight& weight : weights.weights) {
    const auto c = static_cast<std::size_t>(weight.input), j = static_cast<std::size_t>(weight.output);
    const double w = std::abs(static_cast<double>(weight.value)) * factors[c];
    sum_of_weights += w * w;
    maxima[j] = std::max(maxima[j], w);
    inputs[j] += mean_squares[c];
  }
  const double step = (high - low) / kActivationSteps;
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
  ChannelProfile& channels = result.channels;
  Range extremes{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  for (std::size_t c = 0; c < channels.size(); ++c) {
    if (!has_values(channels, c)) continue;
    channels.min[c] = static_cast<float>(channels.min[c] / factors[c]);
    channels.max[c] = static_cast<float>(channels.max[c] / factors[c]);
    channels.sum[c] /= factors[c];
    extremes = {std::min(extremes.low, channels.min[c]), std::max(extremes.high, channels.max[c])};
  }
  SharesOfValues shares(std::max(std::abs(extremes.low), std::abs(extremes.high)));
  for (std::size_t c = 0; c < channels.size(); ++c)
    if (has_values(channels, c)) add_channel(shares, channels, c);
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
