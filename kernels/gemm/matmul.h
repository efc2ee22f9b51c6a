#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/reference.h"
#include "kernels/gemm/split.h"
#include "kernels/tensor_view.h"

namespace tegula::kernels {

/// Addresses of one call; sizes and strides are those that the kernel was made with.
struct MatMulArgs {
  const void* a = nullptr;
  const void* b = nullptr;
  void* dst = nullptr;
  EpilogueArgs
      epilogue;  ///< row strides of operands are those that the kernel was made with; rows are those of a batch
};

/// Product of two activations, MatMulDesc, with its sizes bound: B is packed into scratch while the program runs, a
/// bounded part at a time, and so is A where its rows are not contiguous. Types are those of the tiles, but
/// that B of an integer product may be u8 (MatMulDesc::b_zero_point). To the bit the same for every split into blocks,
/// and on every ISA but for bf16 (TileIsa). Immutable; blocks may run on any threads at once.
class MatMulKernel {
 public:
  /// Sizes and strides of the operands as matmul_reference takes them; data is not read. The last dimension of dst and
  /// of every operand that is a whole tensor is contiguous. Such operands have the dimensions of dst or broadcast over
  /// its leading ones.
  MatMulKernel(TileSetPtr tiles, const MatMulDesc& desc, const TensorView& a, const TensorView& b,
               const TensorView& dst, std::span<const TensorView> operands);

  /// Blocks worth making for `workers` threads; at least 1.
  int64_t blocks(int workers) const;
  /// Of one worker, aligned to 64 bytes.
  std::size_t scratch_bytes() const;
  /// Computes one of `blocks` blocks, any number of them. Allocates nothing.
  void run(const MatMulArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const;

  const GemmKernel& gemm() const { return gemm_; }

 private:
  /// Strides of one operand: over the batch dimensions of dst, and within a matrix.
  struct Matrix {
    std::array<int64_t, kMaxRank> batch{};
    int64_t row = 0, column = 0;
  };

  static Matrix matrix_of(const TensorView& view, const TensorView& dst, bool transposed);
  void fold_batch_into_rows();
  int64_t batch_offset(const Matrix& matrix, int64_t batch) const;
  int64_t column_bytes() const;
  void pack(const PackedMatrix& to, const std::byte* b, std::byte* packed, std::byte* columns) const;
  void run_matrix(const MatMulArgs& args, int64_t batch, Span1 rows, Span1 panels, std::byte* scratch) const;

  GemmKernel gemm_;
  TileEpilogue epilogue_;
  QuantizedSumDesc quantized_;
  std::optional<int32_t> b_zero_point_;  ///< B is u8
  int batch_rank_ = 0;
  std::array<int64_t, kMaxRank> batch_dims_{};
  int64_t batches_ = 1, m_ = 0, n_ = 0, k_ = 0;
  Matrix a_, b_, dst_;
  std::vector<Matrix> operands_;
  int64_t a_bytes_ = 4, b_bytes_ = 4, dst_bytes_ = 4;  // of an element
  int64_t packed_rows_ = 0;                            // of a panel
  int64_t panels_at_once_ = 1;                         // of B in scratch
  int64_t rows_at_once_ = 0;                           // of A in scratch; 0: A is used where it lies
};

}  // namespace tegula::kernels
