#pragma once
#include "kernels/copy/strided_copy.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// dst[a..., i..., b...] = src[a..., indices[i...], b...] along src's dimension `axis`; a negative index counts from
/// the end. Indices are s32 or s64.

/// Looks at types and dimensions only. kInvalidArgument: axis, types or dimensions do not fit together.
Status check_gather(int axis, const TensorView& src, const TensorView& indices, const TensorView& dst);

/// Checks, then copies. kInvalidArgument also for an index outside [-n, n), n the size of `axis`. Any strides; dst
/// must not overlap the others.
Status gather(int axis, const TensorView& src, const TensorView& indices, const TensorView& dst);

/// The same, prepared once from dimensions and strides and run for any addresses, in units() independent pieces.
class GatherPlan {
 public:
  GatherPlan() = default;
  /// After check_gather; data pointers are not looked at.
  GatherPlan(int axis, const TensorView& src, const TensorView& indices, const TensorView& dst);

  int64_t units() const { return outer_count_ * index_count_; }
  int64_t bytes() const { return units() * row_.bytes(); }

  /// Gathers units [begin, end). Stops at an index out of range.
  Status run(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t begin, int64_t end) const;

 private:
  // Dimensions before the axis, and of the indices, with the strides (bytes) of what they advance.
  struct Level {
    int rank = 0;
    std::array<int64_t, kMaxRank> dims{}, src_strides{}, dst_strides{};
  };
  struct Offsets {
    int64_t src = 0, dst = 0;
  };
  static void append(Level& level, int64_t dim, int64_t src_stride, int64_t dst_stride);
  static Offsets offsets_of(const Level& level, int64_t index);

  bool resolve(int64_t& index) const;  ///< counts from the start; false when it is outside
  Error outside(int64_t index, int64_t position) const;
  Status run_any(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t begin, int64_t end) const;
  // Indices first .. first + count - 1, for one index of the dimensions before the axis.
  template <typename Index>
  Status run_rows(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t first, int64_t count) const;
  template <typename Index, std::size_t kBytes>
  Status copy_rows(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t first, int64_t count) const;

  Level outer_, index_;
  int64_t axis_size_ = 0, axis_stride_ = 0;  // stride in bytes
  int64_t outer_count_ = 0, index_count_ = 0;
  bool wide_indices_ = false;  // s64 rather than s32
  StridedCopy row_;            // what lies behind the axis
  int64_t row_bytes_ = 0;      // of contiguous rows, for indices that are evenly apart; 0: anything else
  bool prefetches_ = false;
};

}  // namespace tegula::kernels
