#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <span>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// The numbers are those of program.fbs.
enum class PoolKind : uint8_t { kMax = 0, kAverage = 1, kLp = 2 };

inline constexpr int kMaxPoolRank = 3;  ///< spatial dimensions

/// Channels-last pooling over 1 to 3 spatial dimensions:
///   dst[n, out..., c] = pool over the taps of the window at out * stride - pad_begin, dilation apart
/// Window positions come from dst's sizes (ceil mode only makes dst larger). Taps outside src:
///   max      do not take part; a window without any gives the lowest value. NaN is taken only by a window of nothing
///   else average  count_include_pad: those inside the padding count as 0, those beyond it not at all; otherwise none
///            count. The sum, in fp32 or double for f64, adds taps in row-major order and is divided by their number
///   lp       do not take part: (sum |x|^p)^(1/p), p = 1, 2 or more
/// Max of any type but f16 and bf16; the others of f32 and f64.
struct PoolDesc {
  PoolKind kind = PoolKind::kMax;
  int rank = 2;  ///< spatial dimensions in use; the arrays below hold that many
  std::array<int64_t, kMaxPoolRank> kernel{1, 1, 1}, strides{1, 1, 1}, dilations{1, 1, 1};
  std::array<int64_t, kMaxPoolRank> pads_begin{}, pads_end{};
  bool count_include_pad = false;
  bool column_major_indices = false;
  int64_t p = 2;

  auto operator<=>(const PoolDesc&) const = default;
  int64_t taps() const;
};

/// inputs: src [n, spatial..., c]. outputs: dst of the same rank and type, and for kMax optionally the s64 indices:
/// where the maximum lies in the channels-first source, ((n * channels + c) * spatial...) row-major, or with
/// column_major_indices the spatial part column-major. Any strides.
Status check(const PoolDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
Status pool(const PoolDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs);

/// The taps of one window that lie inside src, along one spatial dimension: indices [first, last) of the kernel.
struct TapRange {
  int64_t first = 0, last = 0;
  int64_t counted = 0;  ///< how many an average with count_include_pad counts
};
TapRange tap_range(const PoolDesc& desc, int dimension, int64_t in, int64_t out);

}  // namespace tegula::kernels
