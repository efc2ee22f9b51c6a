#include "compiler/quantize/quantization_parameters.h"

#include <algorithm>
#include <cmath>

namespace tegula::compiler {
namespace {

/// Scales of products of two quantized values are their product, which must not leave the normal numbers of fp32.
constexpr float kSmallestScale = 0x1p-60f;

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
                                                 int largest) {
  const int64_t count = weights.count();
  std::vector<float> scales(per_channel ? static_cast<std::size_t>(layout.channels) : 1, 0.0f);
  const auto channel = [&](int64_t i) { return per_channel ? layout.of(i) : 0; };
  for (int64_t i = 0; i < count; ++i) {
    const float w = std::abs(weights.at<float>(i));
    if (!std::isfinite(w)) return std::nullopt;
    scales[channel(i)] = std::max(scales[channel(i)], w);
  }
  for (float& scale : scales) scale = scale == 0 ? 1 : std::max(scale / static_cast<float>(largest), kSmallestScale);
  SymmetricWeights result;
  result.q = Literal::make(DType::kS8, weights.dims(), [&](const kernels::TensorView& view) {
    auto* const q = view.as<int8_t>();
    for (int64_t i = 0; i < count; ++i) {
      const float steps = std::nearbyint(weights.at<float>(i) / scales[channel(i)]);
      q[i] = static_cast<int8_t>(std::clamp(steps, static_cast<float>(-largest), static_cast<float>(largest)));
    }
  });
  result.scales = std::move(scales);
  return result;
}

}  // namespace tegula::compiler
