#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compiler/quantize/profile.h"

namespace tegula::compiler {

/// The weights of all products that read one value: those of input channel `input` and output channel `output`, counted
/// through over the products.
struct SharedWeights {
  struct Weight {
    int32_t input, output;
    float value;
  };
  std::vector<Weight> weights;
  int64_t outputs = 0;
};

/// s_c = max|x_c|^alpha / max|w_c|^(1-alpha), with a geometric mean of 1 over the channels that have values and
/// weights; 1 for the others. `channels` are those of the value.
std::vector<double> channel_factors(const ChannelProfile& channels, const SharedWeights& weights, double alpha);

/// What rounding the value and the weights is expected to add to the results, as a sum of squares over the outputs,
/// with the channels divided by `factors` and the weights multiplied by them (balance_channels.h has the formula).
double expected_error(const ChannelProfile& channels, const SharedWeights& weights, std::span<const double> factors);

/// The alpha of 0, 0.05, ... 1 whose factors have the least expected error; nullopt when none has less than factors
/// of 1.
std::optional<double> best_alpha(const ChannelProfile& channels, const SharedWeights& weights);

/// What calibration would have seen of the tensor with its channels divided by `factors`: the channels are exact, the
/// extremes and the histogram are estimated (balance_channels.h); ranges of collectors are none.
TensorProfile divided(const TensorProfile& tensor, std::span<const double> factors);

}  // namespace tegula::compiler
