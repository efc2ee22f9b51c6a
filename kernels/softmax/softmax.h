#pragma once
#include <compare>
#include <cstdint>
#include <span>

#include "kernels/float_bits.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Softmax along one dimension, of x = src * scale, or fma(src, scale, mask) where there is a mask:
///   m = max(x), NaN if any x is;  e = exp(x - m);  s = the sum of e
///   softmax  e * (1 / s)          log softmax  (x - m) - ln(s)
/// The maximum and the sum take element i of the dimension in lane i mod 16 and join the lanes as reduce.h says.
struct SoftmaxDesc {
  int axis = 0;
  bool log = false;
  FloatBits scale = 1.0f;

  auto operator<=>(const SoftmaxDesc&) const = default;
};

/// inputs: src (f32 or f64), and optionally mask of the same type, broadcast to src. outputs: dst, src's type and
/// dimensions; may be src's memory. Any strides.
Status check(const SoftmaxDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
Status softmax(const SoftmaxDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);

}  // namespace tegula::kernels
