#pragma once
#include "compiler/graph/literal.h"
#include "compiler/ops/quantized_weights.h"
#include "compiler/passes/quantization.h"
#include "compiler/quantize/profile.h"
#include "compiler/quantize/quantization_options.h"

namespace tegula::compiler {

/// Scale and zero point of u8 for a range. Zero is always one of the steps, so the range is widened to hold it.
///   asymmetric:  scale = (high - low) / 255, zero_point = rne(-low / scale)
///   symmetric:   scale = max(-low, high) / 127, zero_point = 128: what s8 with zero point 0 is as u8
/// A range of nothing but zero has the scale 1.
Quantization quantization_of(const Range& range, bool symmetric);

/// Constant weights as s8 with a zero point of 0 and a scale for each output channel, or one for all: scale = clip /
/// largest; a channel of zeros has the scale 1. The clip is max|w|, or with kMse that of max|w| * 2^(-i/256), i from 0
/// to 2047, after which the sum of (q * scale - w)^2 is least, the largest where several are.
struct SymmetricWeights {
  Literal q;
  std::vector<float> scales;
};
/// nullopt when a weight is not finite. `largest`: of |q|, 127 or less.
std::optional<SymmetricWeights> quantize_weights(const Literal& weights, WeightChannels layout, bool per_channel,
                                                 int largest, WeightAlgorithm algorithm = WeightAlgorithm::kMinMax);

}  // namespace tegula::compiler
