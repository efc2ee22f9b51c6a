#pragma once
#include <cstdint>

#include "kernels/gemm/epilogue.h"

namespace tegula::kernels {

/// The operand of a post-op at one tile: element (row, column) at data + row * row_bytes + column * 4.
struct TileOperand {
  const float* data = nullptr;
  int64_t row_bytes = 0;
};

/// One call of a microkernel: a tile of `rows` x `panels` panels of 16 columns (both part of the code),
///
///   C[row, column] = epilogue(sum over taps, k of A[row, tap, k] * B[tap, k, column])
///
/// A gemm has one tap. A convolution has one per kernel position, at the offset of its pixel: rows of the tile are
/// pixels of one output row, lda_bytes apart in the source. All sizes are arguments, so unseen ones need no code. Read
/// by generated code: fields stay where they are.
struct TileArgs {
  const float* a = nullptr;  ///< row 0; element (row, tap, k) at a + tap_offsets[tap] + row * lda_bytes + k * 4
  const int64_t* tap_offsets = nullptr;  ///< bytes
  int64_t taps = 1;                      ///< 0: nothing to add up
  int64_t k = 0;                         ///< elements per tap, at least 1 when there are taps
  int64_t lda_bytes = 0;
  const float* b = nullptr;  ///< packed n16k1: rows of 16 columns, taps * k of them
  int64_t panel_bytes = 0;   ///< from one panel to the next
  float* c = nullptr;        ///< written where last_chunk
  int64_t ldc_bytes = 0;
  float* partial = nullptr;         ///< [rows][panels][16]: the sums of the chunks so far
  const float* bias = nullptr;      ///< of the tile's first column
  const float* prefetch = nullptr;  ///< prefetch_lines lines per four k are fetched into L2 from here on
  int64_t prefetch_step = 0;        ///< bytes per four k: 64 * prefetch_lines; 0 to fetch nothing new
  int32_t prefetch_lines = 2;       ///< 2, 4 or 8
  int32_t first_chunk = 1;          ///< sums start from +0 rather than from `partial`
  int32_t last_chunk = 1;           ///< the epilogue follows and C is written, rather than `partial`
  int32_t last_columns = 16;        ///< columns of the last panel that exist, 1..16
  float alpha = 1.0f;
  TileOperand operands[kMaxEpilogueOperands];  ///< of the post-ops that have one, in order
};

/// `context` is the second argument of plain-loop tiles; generated code does not read it.
/// Lines of 64 bytes that a tile may prefetch per four k.
inline constexpr int kMostPrefetchLines = 8;

using TileFunction = void (*)(const TileArgs* args, const void* context);

/// K of a product, as the microkernels see it.
struct TileDepth {
  const int64_t* tap_offsets = nullptr;  ///< bytes
  int64_t taps = 1;
  int64_t k = 0;  ///< per tap

  int64_t total() const { return taps * k; }
};

/// The largest tile height for 1, 2 and 4 panels side by side; 0 where there is no such tile.
struct TileHeights {
  int panels1 = 0;
  int panels2 = 0;
  int panels4 = 0;

  constexpr int of(int panels) const {
    return panels == 1 ? panels1 : panels == 2 ? panels2 : panels == 4 ? panels4 : 0;
  }
};

}  // namespace tegula::kernels
