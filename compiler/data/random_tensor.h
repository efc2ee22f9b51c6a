#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// Half-open range of random elements.
struct RandomRange {
  double low = -1;
  double high = 1;
};

/// The default: [-1, 1) for floats, [0, 2) for integers and bool.
RandomRange default_range(DType dtype);

/// Reproducible elements, given by the input's name, the element's place and the seed alone, so that different programs
/// can feed the same bytes. For element i (from 0, row-major) of input `name`:
///   h = FNV1a64(name) ^ (seed * G);  x = mix(h + (i + 1) * G);  G = 0x9E3779B97F4A7C15
///   mix(z): z = (z ^ z>>30) * 0xBF58476D1CE4E5B9;  z = (z ^ z>>27) * 0x94D049BB133111EB;  z ^ z>>31     (splitmix64)
///   floats:   low + (high - low) * ((x >> 40) * 2^-24), computed in double; then rounded to f32, from there to 16 bits
///   integers: int64(low) + (x >> 11) mod (high - low)
/// kInvalidArgument: a range that is empty, not finite, or outside the dtype; dimensions that no tensor has.
Result<Tensor> random_tensor(std::string_view name, DType dtype, Dims dims,
                             std::optional<RandomRange> range = std::nullopt, uint64_t seed = 1);

}  // namespace tegula::data
