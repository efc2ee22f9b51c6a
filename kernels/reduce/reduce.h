#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// The numbers are those of program.fbs.
enum class ReduceKind : uint8_t {
  kSum = 0,
  kMean = 1,
  kMax = 2,
  kMin = 3,
  kProd = 4,
  kL1 = 5,
  kL2 = 6,
  kLogSum = 7,
  kLogSumExp = 8,
  kSumSquare = 9,
};
std::string_view name_of(ReduceKind kind);  ///< "sum", "log_sum_exp"
std::optional<ReduceKind> reduce_kind_from_name(std::string_view name);

/// dst = a reduction of src over some of its dimensions: bit d of `axes` is set when dimension d is reduced.
///   sum, mean, max, min, prod   as they say; max and min are NaN when any element is
///   l1, l2, sum_square          sum |x|, sqrt(sum x^2), sum x^2
///   log_sum, log_sum_exp        ln(sum x), m + ln(sum e^(x - m)) with m the maximum (0 where that is not finite)
/// Nothing to reduce gives the neutral element: 0, 1 for prod, the lowest (highest) value for max (min), NaN for mean.
///
/// Order of arithmetic ("Numbers" in kernels/README.md): the elements of one result are taken in row-major order. When
/// the last dimension larger than 1 is reduced, element i goes to lane i mod 16 and the lanes are joined by the tree
/// (l, l+8), (l, l+4), (l, l+2), (0, 1); otherwise they go to one accumulator in order. x^2 is added by a fused
/// multiply-add. A mean is the sum divided by the count. Integers wrap around; means of integers are divided toward
/// zero; l2 and the logarithms of integers are computed in double and truncated. Max and min also of bool.
struct ReduceDesc {
  ReduceKind kind = ReduceKind::kSum;
  uint32_t axes = 0;

  auto operator<=>(const ReduceDesc&) const = default;
  bool reduces(int dimension) const { return (axes >> dimension & 1) != 0; }
};

inline constexpr int kReduceLanes = 16;

/// inputs: src. outputs: dst of the same type, with src's rank and 1 for every reduced dimension (without them: lay a
/// view with them over it, reduced_view()). Any strides.
Status check(const ReduceDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
Status reduce(const ReduceDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);

/// dst seen with a 1 where src's dimensions are reduced, whether it keeps those 1s or not. nullopt: its dimensions are
/// no result of this reduction.
std::optional<TensorView> reduced_view(const ReduceDesc& desc, const TensorView& src, const TensorView& dst);

}  // namespace tegula::kernels
