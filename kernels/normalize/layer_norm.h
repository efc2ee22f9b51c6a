#pragma once
#include <compare>
#include <span>

#include "kernels/float_bits.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Normalisation of rows: a row is the n elements of the dimensions from `axis` on, x = src, or src + residual:
///   mean = sum(x) / n                  d = x - mean;  inverse = 1 / sqrt(sum(d^2) / n + epsilon)
///   rms: no mean, d = x                inverse = 1 / sqrt(sum(x^2) / n + epsilon)
///   dst = t * scale + bias with t = d * inverse; one fused multiply-add where both are given
/// Sums take element i of a row in lane i mod 64, squares by a fused multiply-add, and join the lanes by halves: (l,
/// l+32), (l, l+16), ... (0, 1).
struct LayerNormDesc {
  int axis = 0;
  FloatBits epsilon = 1e-5f;
  bool rms = false;

  auto operator<=>(const LayerNormDesc&) const = default;
};

inline constexpr int kLayerNormLanes = 64;

/// Operands that may be absent (data == nullptr, or left out at the end) are marked so.
struct LayerNormOperand {
  // inputs
  static constexpr std::size_t kSrc = 0;
  static constexpr std::size_t kScale = 1;     ///< absent; the dimensions from `axis` on
  static constexpr std::size_t kBias = 2;      ///< absent; likewise
  static constexpr std::size_t kResidual = 3;  ///< absent; src's dimensions
  // outputs
  static constexpr std::size_t kDst = 0;   ///< src's dimensions
  static constexpr std::size_t kMean = 1;  ///< absent; one per row: src's dimensions before `axis`, then 1s; 0 for rms
  static constexpr std::size_t kInverse = 2;  ///< absent; likewise
  static constexpr std::size_t kSum = 3;      ///< absent; x, of src's dimensions
};

/// f32 or f64, all operands the same; any strides. dst and the sum may be src's or residual's memory (with the same
/// strides).
Status check(const LayerNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
Status layer_norm(const LayerNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);

}  // namespace tegula::kernels
