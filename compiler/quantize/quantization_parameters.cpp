#include "compiler/quantize/quantization_parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace tegula::compiler {
namespace {

/// Scales of products of two quantized values are their product, which must not leave the normal numbers of fp32.
constexpr float kSmallestScale = 0x1p-60f;

constexpr int kClips = 2048, kClipsPerHalf = 256;

float rounded(float w, float scale, float largest) {
  return std::clamp(std::nearbyint(w / scale), -largest, largest);
}

float scale_of(float clip, float largest) {
  return clip == 0 ? 1 : std::max(clip / largest, kSmallestScale);
}

/// The sum of (q * scale - w)^2; some sum that is larger than `enough` as soon as it is.
double squared_error(std::span<const float> weights, float scale, float largest, double enough) {
  constexpr std::size_t kBlock = 256;  // between looks at the sum
  double sum = 0;
  for (std::size_t i = 0; i < weights.size() && sum <= enough; i += kBlock)
    for (const float w : weights.subspan(i, std::min(kBlock, weights.size() - i))) {
      const double error = static_cast<double>(rounded(w, scale, largest)) * scale - w;
      sum += error * error;
    }
  return sum;
}

/// The scale with the least squared error of the weights of one channel. What clipping cuts off grows as the clip gets
/// smaller, so the search ends where that alone is more than the best sum.
float mse_scale(std::span<const float> weights, float maximum, float largest) {
  float best = scale_of(maximum, largest);
  if (maximum == 0) return best;
  double least = squared_error(weights, best, largest, std::numeric_limits<double>::infinity());
  for (int i = 1; i < kClips; ++i) {
    const float clip = maximum * std::exp2(-static_cast<float>(i) / kClipsPerHalf);
    double cut_off = 0;
    for (const float w : weights) {
      const double beyond = std::max(0.0, static_cast<double>(std::abs(w)) - clip);
      cut_off += beyond * beyond;
    }
    if (cut_off > least) break;
    const float scale = scale_of(clip, largest);
    const double sum = squared_error(weights, scale, largest, least);
    if (sum < least) {
      least = sum;
      best = scale;
    }
  }
  return best;
}

/// The weights of each channel side by side.
std::vector<std::vector<float>> by_channel(const Literal& weights, WeightChannels layout, bool per_channel) {
  std::vector<std::vector<float>> channels(per_channel ? static_cast<std::size_t>(layout.channels) : 1);
  for (int64_t i = 0; i < weights.count(); ++i)
    channels[per_channel ? layout.of(i) : 0].push_back(weights.at<float>(i));
  return channels;
}

}  // namespace

Quantization quantization_of(const Range& range, bool symmetric) {
  const double low = std::min(0.0, static_cast<double>(range.low)),
               high = std::max(0.0, static_cast<double>(range.high));
  if (low == 0 && high == 0) return {.scale = 1, .zero_point = symmetric ? 128 : 0};
  const double width = symmetric ? std::max(-low, high) / 127 : (high - low) / 255;
  const float scale = std::max(static_cast<float>(width), kSmallestScale);
  if (symmetric) return {.scale = scale, .zero_point = 128};
  const double zero = std::nearbyint(-low / static_cast<double>(scale));
  return {.scale = scale, .zero_point = static_cast<int32_t>(std::clamp(zero, 0.0, 255.0))};
}

std::optional<SymmetricWeights> quantize_weights(const Literal& weights, WeightChannels layout, bool per_channel,
                                                 int largest, WeightAlgorithm algorithm) {
  const int64_t count = weights.count();
  const auto steps = static_cast<float>(largest);
  std::vector<float> scales(per_channel ? static_cast<std::size_t>(layout.channels) : 1, 0.0f);
  const auto channel = [&](int64_t i) { return per_channel ? layout.of(i) : 0; };
  for (int64_t i = 0; i < count; ++i) {
    const float w = std::abs(weights.at<float>(i));
    if (!std::isfinite(w)) return std::nullopt;
    scales[channel(i)] = std::max(scales[channel(i)], w);
  }
  if (algorithm == WeightAlgorithm::kMse) {
    const std::vector<std::vector<float>> channels = by_channel(weights, layout, per_channel);
    for (std::size_t c = 0; c < scales.size(); ++c) scales[c] = mse_scale(channels[c], scales[c], steps);
  } else {
    for (float& scale : scales) scale = scale_of(scale, steps);
  }
  SymmetricWeights result;
  result.q = Literal::make(DType::kS8, weights.dims(), [&](const kernels::TensorView& view) {
    auto* const q = view.as<int8_t>();
    for (int64_t i = 0; i < count; ++i)
      q[i] = static_cast<int8_t>(rounded(weights.at<float>(i), scales[channel(i)], steps));
  });
  result.scales = std::move(scales);
  return result;
}

}  // namespace tegula::compiler
