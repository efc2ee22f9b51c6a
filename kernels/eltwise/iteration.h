#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// Dimensions that several views of one shape walk together, with neighbours merged wherever every view advances
/// evenly, and without dimensions of 1. Rank 1 at least (a scalar has one dimension of 1).
template <int kViews>
struct CommonWalk {
  int rank = 0;
  int views = 0;
  std::array<int64_t, kMaxRank> dims{};
  std::array<std::array<int64_t, kMaxRank>, kViews> strides{};  ///< elements; [view][dimension]

  /// All views have the dims of `shape`; there are at most kViews.
  CommonWalk(std::span<const int64_t> shape, std::span<const TensorView> viewed)
      : views(static_cast<int>(viewed.size())) {
    for (int d = 0; d < static_cast<int>(shape.size()); ++d) {
      const int64_t size = shape[static_cast<std::size_t>(d)];
      if (size == 1) continue;
      if (rank > 0 && merges(viewed, d, size)) {
        dims[rank - 1] *= size;
        for (int v = 0; v < views; ++v) strides[v][rank - 1] = viewed[static_cast<std::size_t>(v)].strides[d];
        continue;
      }
      dims[rank] = size;
      for (int v = 0; v < views; ++v) strides[v][rank] = viewed[static_cast<std::size_t>(v)].strides[d];
      ++rank;
    }
    if (rank == 0) {
      dims[0] = 1;
      rank = 1;
    }
  }

  int64_t inner() const { return dims[rank - 1]; }  ///< elements of the last dimension
  int64_t inner_stride(int view) const { return strides[view][rank - 1]; }
  /// Product of the dimensions before the last.
  int64_t rows() const {
    int64_t count = 1;
    for (int d = 0; d + 1 < rank; ++d) count *= dims[d];
    return count;
  }
  /// Elements from the start of a view to that of row `row`.
  int64_t row_offset(int view, int64_t row) const {
    int64_t offset = 0;
    for (int d = rank - 2; d >= 0; --d) {
      offset += row % dims[d] * strides[view][d];
      row /= dims[d];
    }
    return offset;
  }

 private:
  bool merges(std::span<const TensorView> viewed, int d, int64_t size) const {
    for (int v = 0; v < views; ++v)
      if (strides[v][rank - 1] != viewed[static_cast<std::size_t>(v)].strides[d] * size) return false;
    return true;
  }
};

}  // namespace tegula::kernels
