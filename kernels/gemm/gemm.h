#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/gemm/tile_epilogue.h"
#include "kernels/gemm/tile_set.h"

namespace tegula::kernels {

/// Sizes of one product; all of them arguments, none shapes code. 0 is a legal size.
struct GemmShape {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
};

/// Operands of one product. Rows of A and C are contiguous in themselves and any distance apart; between the rows of C
/// nothing is written.
struct GemmArgs {
  const void* a = nullptr;
  int64_t lda = 0;          ///< elements
  const void* b = nullptr;  ///< packed (PackedMatrix{types.packing(), 1, k, n}), aligned to 64 bytes
  void* c = nullptr;
  int64_t ldc = 0;  ///< elements
  EpilogueArgs epilogue;
};

/// C[m, n] = epilogue(sum_k A[m, k] * B[k, n]) for weights B, of the types of its tiles. To the bit the same for every
/// split into blocks, and on every ISA but for bf16 (TileIsa). Immutable; blocks may run on any threads at once.
class GemmKernel {
 public:
  explicit GemmKernel(TileSetPtr tiles) : tiles_(std::move(tiles)), epilogue_(tiles_->desc().epilogue) {}

  /// Blocks worth making for `workers` threads; at least 1.
  int64_t blocks(const GemmShape& shape, int workers) const;

  /// Of one worker, aligned to 64 bytes.
  std::size_t scratch_bytes(const GemmShape& shape) const;

  /// Computes one of `blocks` blocks, any number of them. Allocates nothing.
  void run(const GemmShape& shape, const GemmArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const;

  const TileSet& tiles() const { return *tiles_; }

 private:
  TileSetPtr tiles_;
  TileEpilogue epilogue_;
};

}  // namespace tegula::kernels
