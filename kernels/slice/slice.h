#pragma once
#include <array>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// dst[i0, i1, ...] = src[starts[0] + i0 * steps[0], ...]; dst's dimensions give the counts. Starts are indices of src
/// (not counted from the end); steps are not 0 and may be negative.
struct SliceDesc {
  int rank = 0;
  std::array<int64_t, kMaxRank> starts{}, steps{};
};

/// Looks at types and dimensions only. kInvalidArgument: types or ranks differ, or an index would leave src.
Status check_slice(const SliceDesc& desc, const TensorView& src, const TensorView& dst);

/// Checks, then copies. Any strides; src and dst must not overlap.
Status slice(const SliceDesc& desc, const TensorView& src, const TensorView& dst);

/// The elements of src that the slice names, as a view of the dimensions `dims`. Only after check_slice.
TensorView sliced(const SliceDesc& desc, const TensorView& src, std::span<const int64_t> dims);

}  // namespace tegula::kernels
