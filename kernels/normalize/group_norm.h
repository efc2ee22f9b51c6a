#pragma once
#include <compare>
#include <cstdint>
#include <span>

#include "kernels/float_bits.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Normalisation of channels-last images, over each group of c / groups neighbouring channels and all s positions:
///   mean = sum(x) / (c / groups * s);  variance = sum((x - mean)^2) / (c / groups * s)
///   dst = fma(x - mean, inverse * scale[c], bias[c]) with inverse = 1 / sqrt(variance + epsilon)
/// Every sum takes one accumulator per channel over the positions in order, squares by a fused multiply-add; the
/// channels of a group go to lane (channel of the group) mod 16, and the lanes are joined by halves. groups == c is
/// instance normalisation.
struct GroupNormDesc {
  int64_t groups = 1;
  FloatBits epsilon = 1e-5f;

  auto operator<=>(const GroupNormDesc&) const = default;
};

inline constexpr int kGroupNormLanes = 16;

/// inputs: src [n, positions..., c] of rank 2 or more, scale [c], bias [c], all f32 or all f64. outputs: dst of src's
/// dimensions; may be src's memory. Any strides.
Status check(const GroupNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
Status group_norm(const GroupNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);

}  // namespace tegula::kernels
