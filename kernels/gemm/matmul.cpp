#include "kernels/gemm/matmul.h"

#include <algorithm>
#include <utility>

#include "kernels/gemm/block_grid.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/pack_activations.h"

namespace tegula::kernels {
namespace {

/// Panels of B that are packed at once: they stay in L2 while the rows of A pass.
constexpr int64_t kPackedBytes = 384 << 10;
constexpr int64_t kPackedRowBytes = 128 << 10;
/// The widest tile has so many panels.
constexpr int64_t kFewestPanels = 4;

constexpr int64_t round_up(int64_t value, int64_t to) {
  return ceil_div(value, to) * to;
}

}  // namespace

MatMulKernel::MatMulKernel(TileSetPtr tiles, const MatMulDesc& desc, const TensorView& a, const TensorView& b,
                           const TensorView& dst, std::span<const TensorView> operands)
    : gemm_(std::move(tiles)),
      epilogue_(desc.epilogue),
      quantized_(desc.epilogue.quantized),
      b_zero_point_(desc.b_zero_point) {
  batch_rank_ = dst.rank - 2;
  for (int d = 0; d < batch_rank_; ++d) batch_dims_[static_cast<std::size_t>(d)] = dst.dims[d];
  m_ = dst.dims[dst.rank - 2];
  n_ = dst.dims[dst.rank - 1];
  k_ = a.dims[a.rank - (desc.transpose_a ? 2 : 1)];
  a_ = matrix_of(a, dst, desc.transpose_a);
  b_ = matrix_of(b, dst, desc.transpose_b);
  dst_ = matrix_of(dst, dst, false);
  for (const TensorView& operand : operands)
    operands_.push_back(matrix_of(operand.broadcast_to(dst.shape()), dst, false));
  const TileTypes& types = gemm_.tiles().desc().types;
  a_bytes_ = b_bytes_ = types.src_bytes();
  dst_bytes_ = types.dst_bytes();
  packed_rows_ = PackedMatrix{types.packing(), 1, k_, n_}.rows_per_tap();
  fold_batch_into_rows();
  for (int d = 0; d < batch_rank_; ++d) batches_ *= batch_dims_[static_cast<std::size_t>(d)];

  const int64_t panels = ceil_div(n_, kPanelColumns);
  const int64_t panel_bytes = std::max<int64_t>(packed_rows_ * kPanelRowBytes, 1);
  panels_at_once_ = std::min(panels, std::max(kPackedBytes / panel_bytes / kFewestPanels, int64_t{1}) * kFewestPanels);
  if (a_.column != 1 && k_ > 1) {
    const int64_t fitting = std::max<int64_t>(kPackedRowBytes / (k_ * a_bytes_), TileSet::kMaxRows);
    rows_at_once_ = std::min(m_, fitting);
  }
}

MatMulKernel::Matrix MatMulKernel::matrix_of(const TensorView& view, const TensorView& dst, bool transposed) {
  Matrix matrix;
  matrix.row = view.strides[view.rank - (transposed ? 1 : 2)];
  matrix.column = view.strides[view.rank - (transposed ? 2 : 1)];
  const int added = dst.rank - view.rank;
  for (int d = added; d < dst.rank - 2; ++d)
    matrix.batch[static_cast<std::size_t>(d)] = view.dims[d - added] == 1 ? 0 : view.strides[d - added];
  return matrix;
}

/// Batches that share B and follow one another evenly are more rows of one product.
void MatMulKernel::fold_batch_into_rows() {
  for (; batch_rank_ > 0; --batch_rank_) {
    const auto d = static_cast<std::size_t>(batch_rank_ - 1);
    const auto follows = [&](const Matrix& matrix) {
      return batch_dims_[d] == 1 || m_ == 1 || matrix.batch[d] == matrix.row * m_;
    };
    if (batch_dims_[d] != 1 && b_.batch[d] != 0) return;
    if (!follows(a_) || !follows(dst_) || !std::all_of(operands_.begin(), operands_.end(), follows)) return;
    if (batch_dims_[d] != 1 && m_ == 1) {
      a_.row = a_.batch[d];
      dst_.row = dst_.batch[d];
      for (Matrix& operand : operands_) operand.row = operand.batch[d];
    }
    m_ *= batch_dims_[d];
  }
}

int64_t MatMulKernel::batch_offset(const Matrix& matrix, int64_t batch) const {
  int64_t offset = 0;
  for (int d = batch_rank_ - 1; d >= 0; --d) {
    const auto i = static_cast<std::size_t>(d);
    offset += batch % batch_dims_[i] * matrix.batch[i];
    batch /= batch_dims_[i];
  }
  return offset;
}

int64_t MatMulKernel::blocks(int workers) const {
  const int64_t all = worthwhile_blocks(gemm_.tiles().blocking(), batches_ * m_, n_, k_, batches_ * m_, workers);
  if (all <= batches_ || batches_ == 0) return all;
  return batches_ * ceil_div(all, batches_);
}

std::size_t MatMulKernel::scratch_bytes() const {
  const int64_t packed = panels_at_once_ * packed_rows_ * kPanelRowBytes;
  const int64_t rows = round_up(rows_at_once_ * k_ * a_bytes_, kPanelRowBytes);
  return static_cast<std::size_t>(packed + rows + 2 * column_bytes()) + gemm_.scratch_bytes({m_, n_, k_});
}

/// Of the sums over the columns of B in scratch; their zero points take as much again.
int64_t MatMulKernel::column_bytes() const {
  return b_zero_point_ ? panels_at_once_ * kPanelColumns * static_cast<int64_t>(sizeof(int32_t)) : 0;
}

void MatMulKernel::pack(const PackedMatrix& to, const std::byte* b, std::byte* packed, std::byte* columns) const {
  if (!b_zero_point_) return pack_activations(to, b, b_.row, b_.column, packed);
  const bool summed = quantized_.src_zero_point != DynamicValue::kStatic;
  pack_unsigned_activations(to, b, b_.row, b_.column, packed, summed ? reinterpret_cast<int32_t*>(columns) : nullptr);
}

void MatMulKernel::run(const MatMulArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const {
  const int64_t panels = ceil_div(n_, kPanelColumns);
  if (blocks <= batches_) {
    const Span1 part = even_part(batches_, blocks, block);
    for (int64_t i = 0; i < part.count; ++i) run_matrix(args, part.begin + i, {0, m_}, {0, panels}, scratch);
    return;
  }
  if (batches_ == 0) return;
  const int64_t per_batch = blocks / batches_;
  if (block / per_batch >= batches_) return;
  const BlockGrid grid = best_grid(m_, n_, k_, m_, per_batch);
  run_matrix(args, block / per_batch, even_part(m_, grid.rows, block % per_batch / grid.panels),
             even_part(panels, grid.panels, block % per_batch % grid.panels), scratch);
}

void MatMulKernel::run_matrix(const MatMulArgs& args, int64_t batch, Span1 rows, Span1 panels,
                              std::byte* scratch) const {
  if (rows.count == 0) return;
  std::byte* const packed = scratch;
  std::byte* const packed_rows = packed + panels_at_once_ * packed_rows_ * kPanelRowBytes;
  std::byte* const columns_of_b = packed_rows + round_up(rows_at_once_ * k_ * a_bytes_, kPanelRowBytes);
  std::byte* const gemm_scratch = columns_of_b + 2 * column_bytes();
  auto* const zero_points = reinterpret_cast<int32_t*>(columns_of_b + column_bytes());
  if (b_zero_point_)
    std::fill_n(zero_points, panels_at_once_ * kPanelColumns, *b_zero_point_ - 128);  // what panels hold is q - 128

  const auto* const a =
      static_cast<const std::byte*>(args.a) + (batch_offset(a_, batch) + rows.begin * a_.row) * a_bytes_;
  const auto* const b = static_cast<const std::byte*>(args.b) + batch_offset(b_, batch) * b_bytes_;
  auto* const dst =
      static_cast<std::byte*>(args.dst) + (batch_offset(dst_, batch) + rows.begin * dst_.row) * dst_bytes_;
  EpilogueArgs epilogue = args.epilogue;
  epilogue_.skip_rows_of_source(batch * m_ + rows.begin, epilogue);
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    epilogue.operands[i].row_stride = operands_[i].row;
    epilogue_.move_operand(i, batch_offset(operands_[i], batch) + rows.begin * operands_[i].row, epilogue);
  }

  const int64_t row_step = rows_at_once_ == 0 ? rows.count : rows_at_once_;
  for (int64_t done = 0; done < panels.count; done += panels_at_once_) {
    const int64_t column = (panels.begin + done) * kPanelColumns;
    const int64_t columns = std::min(std::min(panels_at_once_, panels.count - done) * kPanelColumns, n_ - column);
    const PackedMatrix part{gemm_.tiles().desc().types.packing(), 1, k_, columns};
    pack(part, b + column * b_.column * b_bytes_, packed, columns_of_b);
    for (int64_t row = 0; row < rows.count; row += row_step) {
      const int64_t count = std::min(row_step, rows.count - row);
      GemmArgs gemm{
          a + row * a_.row * a_bytes_,        a_.row, packed, dst + (row * dst_.row + column) * dst_bytes_, dst_.row,
          epilogue_.shifted(epilogue, column)};
      if (b_zero_point_) {
        gemm.epilogue.quantized.weight_sums = reinterpret_cast<const int32_t*>(columns_of_b);
        gemm.epilogue.quantized.weight_zero_points = zero_points;
      }
      if (rows_at_once_ != 0) {
        pack_rows(a_bytes_, gemm.a, a_.row, a_.column, count, k_, packed_rows);
        gemm.a = packed_rows;
        gemm.lda = k_;
      }
      epilogue_.skip_rows(row, gemm.epilogue);
      gemm_.run({count, columns, k_}, gemm, 0, 1, gemm_scratch);
    }
  }
}

}  // namespace tegula::kernels
