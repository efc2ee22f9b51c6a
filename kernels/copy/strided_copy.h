#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/copy/transpose_block.h"
#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// dst[i0, i1, ...] = src[i0, i1, ...] for two tensors of the same dimensions, each with its own strides (negative and
/// 0 for src are fine): prepared once from sizes and strides, run for any addresses. Transposes, slices, joins, splits
/// and broadcasts are all this copy with other strides.
///
/// Preparation drops dimensions of 1, walks dst in memory order and merges neighbouring dimensions, which leaves one of
///   rows       the innermost dimension is contiguous on both sides: memcpy of each row
///   transpose  src is contiguous along another dimension than dst: blocks of both, so that whole cache lines
///              are read and written
///   elements   anything else, element by element
///
/// The work splits into units() independent pieces of about equal size. Holds no memory; immutable.
class StridedCopy {
 public:
  enum class Kind { kRows, kTranspose, kElements };

  StridedCopy() = default;
  /// Strides in elements of `element_bytes` (1, 2, 4 or 8). The two must not overlap in memory.
  StridedCopy(std::size_t element_bytes, std::span<const int64_t> dims, std::span<const int64_t> src_strides,
              std::span<const int64_t> dst_strides);

  int64_t units() const { return outer_count_ * pieces_; }
  int64_t bytes() const { return bytes_; }
  Kind kind() const { return kind_; }
  /// Both sides are contiguous.
  bool is_one_row() const { return kind_ == Kind::kRows && outer_count_ == 1 && rows_ == 1; }
  std::string_view name() const;  ///< "rows", "transpose", "elements"

  /// Copies units [begin, end). Any number of threads may each run their own range. `squares`: generated code that a
  /// transpose may use.
  void run(const std::byte* src, std::byte* dst, int64_t begin, int64_t end, TransposeSquares squares = {}) const;

  /// Whether run() has a use for such squares.
  bool wants_squares(int64_t side) const { return kind_ == Kind::kTranspose && rows_ >= side && columns_ >= side; }

 private:
  void prepare_pieces();
  void run_piece(const std::byte* src, std::byte* dst, int64_t piece, TransposeSquares squares) const;

  Kind kind_ = Kind::kElements;
  int element_bytes_ = 1;
  int64_t bytes_ = 0;
  // All dimensions but those of the inner kernel, outermost first; strides in bytes.
  int outer_rank_ = 0;
  int64_t outer_count_ = 0;
  std::array<int64_t, kMaxRank> dims_{}, src_strides_{}, dst_strides_{};
  // The inner kernel copies [rows, columns]; a piece is a rectangle of them.
  int64_t rows_ = 1, columns_ = 1;
  int64_t src_row_stride_ = 0, src_column_stride_ = 0;
  int64_t dst_row_stride_ = 0, dst_column_stride_ = 0;
  int64_t piece_rows_ = 1, piece_columns_ = 1;
  int64_t column_pieces_ = 1, pieces_ = 0;
};

}  // namespace tegula::kernels
