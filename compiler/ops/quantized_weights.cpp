#include "compiler/ops/quantized_weights.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace tegula::compiler {
namespace {

constexpr int64_t kHighestSource = 255;

template <typename T>
bool fits(int64_t x) {
  return x >= std::numeric_limits<T>::min() && x <= std::numeric_limits<T>::max();
}

int64_t weight_at(const Literal& weights, int64_t i) {
  return weights.dtype() == DType::kU8 ? int64_t{weights.at<uint8_t>(i)} - 128 : int64_t{weights.at<int8_t>(i)};
}

}  // namespace

WeightChannels channels_of_conv(const Literal& w) {
  const int64_t channels = w.dims()[0];
  return {channels, std::max<int64_t>(w.count() / std::max<int64_t>(channels, 1), 1)};
}

WeightChannels channels_of_matmul(const Literal& b, bool transposed) {
  return transposed ? WeightChannels{b.dims()[0], std::max<int64_t>(b.dims()[1], 1)} : WeightChannels{b.dims()[1], 1};
}

QuantizedWeights make_quantized_weights(const Literal& weights, WeightChannels layout,
                                        std::span<const int64_t> zero_points) {
  const auto channels = static_cast<std::size_t>(layout.channels);
  const int64_t shift = weights.dtype() == DType::kU8 ? 128 : 0;
  std::vector<int64_t> zero(channels);
  for (std::size_t c = 0; c < channels; ++c) zero[c] = zero_points[zero_points.size() == 1 ? 0 : c] - shift;
  std::vector<bool> subtracted(channels, true);
  for (int64_t i = 0; i < weights.count(); ++i) {
    const std::size_t c = layout.of(i);
    if (!fits<int8_t>(weight_at(weights, i) - zero[c])) subtracted[c] = false;
  }
  QuantizedWeights result{.q = {}, .layout = layout, .zero_points = {}, .sums = std::vector<int64_t>(channels), .k = 0};
  result.k = layout.channels == 0 ? 0 : weights.count() / layout.channels;
  result.q = Literal::make(DType::kS8, weights.dims(), [&](const kernels::TensorView& view) {
    for (int64_t i = 0; i < weights.count(); ++i) {
      const std::size_t c = layout.of(i);
      const int64_t q = weight_at(weights, i) - (subtracted[c] ? zero[c] : 0);
      view.as<int8_t>()[i] = static_cast<int8_t>(q);
      result.sums[c] += q;
    }
  });
  for (std::size_t c = 0; c < channels; ++c) {
    if (subtracted[c] || zero[c] == 0) continue;
    result.zero_points.resize(channels);
    result.zero_points[c] = static_cast<int32_t>(zero[c]);
  }
  return result;
}

std::optional<std::vector<int32_t>> QuantizedWeights::folded_bias(std::span<const int64_t> bias, int64_t z_x) const {
  const std::size_t channels = sums.size();
  std::vector<int64_t> positive(channels), negative(channels);  // sums of q - z_w by sign
  std::vector<int64_t> largest(channels);                       // sums of |q|
  for (int64_t i = 0; i < q.count(); ++i) {
    const std::size_t c = layout.of(i);
    const int64_t weight = q.at<int8_t>(i), real = weight - (zero_points.empty() ? 0 : zero_points[c]);
    (real > 0 ? positive : negative)[c] += real;
    largest[c] += std::abs(weight);
  }
  std::vector<int32_t> folded(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const int64_t z_w = zero_points.empty() ? 0 : zero_points[c], b = bias.empty() ? 0 : bias[c];
    const int64_t highest = positive[c] * (kHighestSource - z_x) - negative[c] * z_x + b;
    const int64_t lowest = negative[c] * (kHighestSource - z_x) - positive[c] * z_x + b;
    const int64_t sum = b - z_x * sums[c] + k * z_x * z_w;
    if (!fits<int32_t>(kHighestSource * largest[c]) || !fits<int32_t>(highest) || !fits<int32_t>(lowest) ||
        !fits<int32_t>(sum))
      return std::nullopt;
    folded[c] = static_cast<int32_t>(sum);
  }
  return folded;
}

}  // namespace tegula::compiler
