#include "kernels/copy/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace tegula::kernels {
namespace {

// A piece is worth claiming by itself, and its source and destination fit the L1 cache together.
constexpr int64_t kPieceBytes = 16 * 1024;
// Rows of a strip of the transpose: two cache lines of 4-byte elements.
constexpr int64_t kStripRows = 32;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

template <typename T>
void copy_elements(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride, int64_t count) {
  T value;
  if (src_stride == 0) {
    std::memcpy(&value, src, sizeof(T));
    if (dst_stride == sizeof(T)) {
      for (int64_t i = 0; i < count; ++i) std::memcpy(dst + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
    } else {
      for (int64_t i = 0; i < count; ++i) std::memcpy(dst + i * dst_stride, &value, sizeof(T));
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(&value, src + i * src_stride, sizeof(T));
    std::memcpy(dst + i * dst_stride, &value, sizeof(T));
  }
}

struct Element1 {
  unsigned char bytes[1];
};
struct Element2 {
  unsigned char bytes[2];
};
struct Element4 {
  unsigned char bytes[4];
};
struct Element8 {
  unsigned char bytes[8];
};
struct Element16 {
  unsigned char bytes[16];
};

template <typename T>
void copy_small_rows(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride, int64_t rows) {
  copy_elements<T>(src, src_stride, dst, dst_stride, rows);
}

void copy_rows(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride, int64_t rows,
               int64_t bytes) {
  switch (bytes) {
    case 1: return copy_small_rows<Element1>(src, src_stride, dst, dst_stride, rows);
    case 2: return copy_small_rows<Element2>(src, src_stride, dst, dst_stride, rows);
    case 4: return copy_small_rows<Element4>(src, src_stride, dst, dst_stride, rows);
    case 8: return copy_small_rows<Element8>(src, src_stride, dst, dst_stride, rows);
    case 16: return copy_small_rows<Element16>(src, src_stride, dst, dst_stride, rows);
    default:
      for (int64_t r = 0; r < rows; ++r)
        std::memcpy(dst + r * dst_stride, src + r * src_stride, static_cast<std::size_t>(bytes));
  }
}

void copy_strided(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride, int64_t count,
                  int element_bytes) {
  switch (element_bytes) {
    case 1: return copy_elements<Element1>(src, src_stride, dst, dst_stride, count);
    case 2: return copy_elements<Element2>(src, src_stride, dst, dst_stride, count);
    case 4: return copy_elements<Element4>(src, src_stride, dst, dst_stride, count);
    default: return copy_elements<Element8>(src, src_stride, dst, dst_stride, count);
  }
}

struct Dimension {
  int64_t size, src, dst;  // strides in bytes
};

// Drops dimensions of 1, orders by dst's strides, largest first, and merges neighbours that advance as one.
int simplify(std::array<Dimension, kMaxRank>& dims, int rank) {
  int kept = 0;
  for (int d = 0; d < rank; ++d) {
    if (dims[d].size == 1) continue;
    const Dimension dim = dims[d];
    int at = kept++;
    for (; at > 0 && std::abs(dims[at - 1].dst) < std::abs(dim.dst); --at) dims[at] = dims[at - 1];
    dims[at] = dim;
  }
  int merged = 0;
  for (int d = 0; d < kept; ++d) {
    if (merged > 0) {
      Dimension& last = dims[merged - 1];
      if (last.src == dims[d].size * dims[d].src && last.dst == dims[d].size * dims[d].dst) {
        last = {last.size * dims[d].size, dims[d].src, dims[d].dst};
        continue;
      }
    }
    dims[merged++] = dims[d];
  }
  return merged;
}

}  // namespace

StridedCopy::StridedCopy(std::size_t element_bytes, std::span<const int64_t> dims, std::span<const int64_t> src_strides,
                         std::span<const int64_t> dst_strides)
    : element_bytes_(static_cast<int>(element_bytes)) {
  TEGULA_CHECK(dims.size() <= kMaxRank && src_strides.size() >= dims.size() && dst_strides.size() >= dims.size(),
               "ranks are checked where tensors come in");
  bytes_ = element_count(dims) * element_bytes_;
  if (bytes_ == 0) return;

  std::array<Dimension, kMaxRank> sorted{};
  for (std::size_t d = 0; d < dims.size(); ++d)
    sorted[d] = {dims[d], src_strides[d] * element_bytes_, dst_strides[d] * element_bytes_};
  int rank = simplify(sorted, static_cast<int>(dims.size()));
  if (rank == 0) sorted[rank++] = {1, element_bytes_, element_bytes_};

  // The innermost dimension becomes the columns; the rows are the dimension along which src is contiguous, for a
  // transpose, and otherwise the next one.
  const Dimension columns = sorted[--rank];
  int row_dimension = rank - 1;
  if (columns.src == element_bytes_ && columns.dst == element_bytes_) {
    kind_ = Kind::kRows;
  } else if (columns.dst == element_bytes_ && columns.src != 0) {
    for (int d = 0; d < rank; ++d) {
      if (sorted[d].src != element_bytes_) continue;
      kind_ = Kind::kTranspose;
      row_dimension = d;
    }
  }
  columns_ = columns.size;
  src_column_stride_ = columns.src;
  dst_column_stride_ = columns.dst;
  if (row_dimension >= 0) {
    rows_ = sorted[row_dimension].size;
    src_row_stride_ = sorted[row_dimension].src;
    dst_row_stride_ = sorted[row_dimension].dst;
  }
  outer_count_ = 1;
  for (int d = 0; d < rank; ++d) {
    if (d == row_dimension) continue;
    dims_[outer_rank_] = sorted[d].size;
    src_strides_[outer_rank_] = sorted[d].src;
    dst_strides_[outer_rank_] = sorted[d].dst;
    outer_count_ *= sorted[d].size;
    ++outer_rank_;
  }
  prepare_pieces();
}

void StridedCopy::prepare_pieces() {
  const int64_t least_rows = kind_ == Kind::kTranspose ? std::min(kStripRows, rows_) : 1;
  const int64_t piece_elements = kPieceBytes / element_bytes_;
  piece_columns_ = std::min(columns_, piece_elements / least_rows);
  piece_rows_ = piece_elements / piece_columns_;
  if (piece_rows_ > kStripRows) piece_rows_ -= piece_rows_ % kStripRows;
  piece_rows_ = std::min(piece_rows_, rows_);
  column_pieces_ = ceil_div(columns_, piece_columns_);
  pieces_ = ceil_div(rows_, piece_rows_) * column_pieces_;
}

std::string_view StridedCopy::name() const {
  switch (kind_) {
    case Kind::kRows: return "rows";
    case Kind::kTranspose: return "transpose";
    case Kind::kElements: return "elements";
  }
  return "?";
}

void StridedCopy::run(const std::byte* src, std::byte* dst, int64_t begin, int64_t end,
                      TransposeSquares squares) const {
  if (begin >= end) return;
  std::array<int64_t, kMaxRank> index{};
  int64_t piece = begin % pieces_;
  for (int64_t d = outer_rank_ - 1, rest = begin / pieces_; d >= 0; --d) {
    index[d] = rest % dims_[d];
    rest /= dims_[d];
    src += index[d] * src_strides_[d];
    dst += index[d] * dst_strides_[d];
  }
  for (int64_t unit = begin;;) {
    run_piece(src, dst, piece, squares);
    if (++unit == end) return;
    if (++piece < pieces_) continue;
    piece = 0;
    for (int d = outer_rank_ - 1; d >= 0; --d) {
      src += src_strides_[d];
      dst += dst_strides_[d];
      if (++index[d] < dims_[d]) break;
      src -= src_strides_[d] * dims_[d];
      dst -= dst_strides_[d] * dims_[d];
      index[d] = 0;
    }
  }
}

void StridedCopy::run_piece(const std::byte* src, std::byte* dst, int64_t piece, TransposeSquares squares) const {
  const int64_t first_row = piece / column_pieces_ * piece_rows_, rows = std::min(piece_rows_, rows_ - first_row);
  const int64_t first_column = piece % column_pieces_ * piece_columns_,
                columns = std::min(piece_columns_, columns_ - first_column);
  src += first_row * src_row_stride_ + first_column * src_column_stride_;
  dst += first_row * dst_row_stride_ + first_column * dst_column_stride_;
  switch (kind_) {
    case Kind::kRows: return copy_rows(src, src_row_stride_, dst, dst_row_stride_, rows, columns * element_bytes_);
    case Kind::kTranspose:
      return transpose_block(element_bytes_, src, src_column_stride_, dst, dst_row_stride_, rows, columns, squares);
    case Kind::kElements:
      for (int64_t r = 0; r < rows; ++r)
        copy_strided(src + r * src_row_stride_, src_column_stride_, dst + r * dst_row_stride_, dst_column_stride_,
                     columns, element_bytes_);
  }
}

}  // namespace tegula::kernels
