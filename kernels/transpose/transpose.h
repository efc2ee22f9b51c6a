#pragma once
#include <array>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// dst[i0, i1, ...] = src with i_d along src's dimension perm[d]: dst.dims[d] == src.dims[perm[d]].
struct TransposeDesc {
  int rank = 0;
  std::array<int, kMaxRank> perm{};

  std::span<const int> order() const { return {perm.data(), static_cast<std::size_t>(rank)}; }
};

/// Looks at types and dimensions only. kInvalidArgument: perm is no permutation, or types or dimensions do not match.
Status check_transpose(const TransposeDesc& desc, const TensorView& src, const TensorView& dst);

/// Checks, then copies. Any strides; src and dst must not overlap.
Status transpose(const TransposeDesc& desc, const TensorView& src, const TensorView& dst);

}  // namespace tegula::kernels
