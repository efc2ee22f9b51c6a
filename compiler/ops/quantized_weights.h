#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compiler/graph/literal.h"

namespace tegula::compiler {

/// How the output channels lie in a weight tensor: element i is of channel i / stride % channels.
struct WeightChannels {
  int64_t channels = 1, stride = 1;

  std::size_t of(int64_t element) const { return static_cast<std::size_t>(element / stride % channels); }
};
/// w is [oc, ...].
WeightChannels channels_of_conv(const Literal& w);
/// b is [k, n], or [n, k].
WeightChannels channels_of_matmul(const Literal& b, bool transposed);

/// Quantized weights in the form that integer products take: s8, the zero point of each channel subtracted wherever s8
/// holds the difference.
struct QuantizedWeights {
  Literal q;  ///< s8, the shape of the original
  WeightChannels layout;
  std::vector<int32_t> zero_points;  ///< one per channel; empty: all 0
  std::vector<int64_t> sums;         ///< of q, per channel
  int64_t k = 0;                     ///< elements per channel

  /// `bias` (one per channel, or empty: 0) with what a static zero point of the source adds to each sum:
  ///   bias[c] - z_x * sum(q)[c] + k * z_x * z_w[c]
  /// nullopt when a sum of u8 sources by these weights, with or without the bias, could leave s32.
  std::optional<std::vector<int32_t>> folded_bias(std::span<const int64_t> bias, int64_t z_x) const;
};

/// `weights` are u8 or s8; `zero_points` are in their terms, one or one per channel.
QuantizedWeights make_quantized_weights(const Literal& weights, WeightChannels layout,
                                        std::span<const int64_t> zero_points);

}  // namespace tegula::compiler
