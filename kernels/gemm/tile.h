#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/packed_size.h"
#include "kernels/gemm/tile_types.h"

namespace tegula::kernels {

/// The operand of a post-op at one tile: element (row, column) at data + row * row_bytes + column * its size. Scale and
/// zero point of u8 and s8 fill a vector of eight.
struct TileOperand {
  const void* data = nullptr;
  int64_t row_bytes = 0;
  float scale[8] = {};
  float zero_point[8] = {};
};

/// Lines of 64 bytes that a tile may prefetch per four rows of B.
inline constexpr int kMostPrefetchLines = 8;

/// Bytes of A that meet one row of a panel where A has the size of the weights: 1 f32, 2 bf16 or 4 u8. Of weight-only
/// products see TileTypes::group_bytes().
inline constexpr int64_t kGroupBytes = 4;

/// Which rows of a tile are rows of C; the sums of others are left alone. Only tiles that say so (TileSet::skips_rows)
/// take anything but all rows.
struct StoredRows {
  int32_t first = 0;  ///< those before it belong to the tile before
  /// Rows of A run across the ends of lines: of every `pitch` rows the first `length` are stored, and row 0 of the tile
  /// is row `position` of its line. 0: there are no lines.
  int32_t length = 0;
  int32_t pitch = 0;
  int32_t position = 0;

  auto operator<=>(const StoredRows&) const = default;
};

/// One call of a microkernel: a tile of `rows` x `panels` panels of 16 columns (both part of the code),
///
///   C[row, column] = epilogue(sum over taps, k of A[row, tap, k] * B[tap, k, column])
///
/// A gemm has one tap. A convolution has one per kernel position, at the offset of its pixel: rows of the tile are
/// pixels of one output row, lda_bytes apart in the source. K is counted in groups of TileTypes::group() elements; each
/// group meets one row of every panel. All sizes are arguments, so unseen ones need no code. Read by
/// generated code: fields stay where they are.
struct TileArgs {
  const void* a = nullptr;  ///< row 0; group (row, tap, k) at a + tap_offsets[tap] + row * lda_bytes + k * group_bytes
  const int64_t* tap_offsets = nullptr;  ///< bytes
  int64_t taps = 1;                      ///< 0: nothing to add up
  int64_t k = 0;                         ///< whole groups per tap
  int64_t lda_bytes = 0;
  const void* b = nullptr;  ///< packed: rows of 64 bytes, as many as there are groups, and those that b_tap_skip skips
  int64_t panel_bytes = 0;  ///< from one panel to the next
  void* c = nullptr;        ///< written where last_chunk
  int64_t ldc_bytes = 0;
  void* partial = nullptr;         ///< [rows][panels][16]: the sums of the chunks so far, f32 or s32
  const void* bias = nullptr;      ///< of the tile's first column, f32 or s32
  const void* prefetch = nullptr;  ///< prefetch_lines lines per four groups are fetched into L2 from here on
  int64_t prefetch_step = 0;       ///< bytes per four groups: 64 * prefetch_lines; 0 to fetch nothing new
  int32_t prefetch_lines = 2;      ///< 2, 4 or 8
  int32_t first_chunk = 1;         ///< sums start from +0 rather than from `partial`
  int32_t last_chunk = 1;          ///< the epilogue follows and C is written, rather than `partial`
  int32_t last_columns = 16;       ///< columns of the last panel that exist, 1..16
  float alpha = 1.0f;
  // Groups of several elements:
  int32_t k_tail_bytes = 0;  ///< of the last group of each tap where it is not whole; A is not read beyond them
  int64_t b_tap_skip = 0;    ///< bytes of B behind the groups of a tap: rows of zeros
  // AMX:
  int64_t k_step = 1;        ///< rows of a panel in one tile; taps and chunks are multiples of it
  int64_t depth_rows = 0;    ///< of a panel, all taps and chunks
  int64_t a_step_bytes = 0;  ///< from what a row of A has in one step of k to the next
  void* state = nullptr;     ///< TileSet::state_bytes()
  StoredRows stored;         ///< c and the operands of the epilogue begin at the first row of them
  // Integer sums, QuantizedSumDesc; of the tile's first row and column:
  const float* multipliers = nullptr;  ///< also the scales of weights, EpilogueDesc::weight_scale
  const int32_t* weight_zero_points = nullptr;
  const int32_t* weight_sums = nullptr;
  const int32_t* row_sums = nullptr;  ///< of A, one per row
  const int32_t* src_zero_points = nullptr;
  const float* src_scales = nullptr;
  float dst_scale_inverse = 1.0f;
  float dst_zero_point = 0.0f;
  int32_t depth = 0;                           ///< K in all: elements
  TileOperand operands[kMaxEpilogueOperands];  ///< of the post-ops that have one, in order
};

/// `context` is the second argument of plain-loop tiles; generated code does not read it.
using TileFunction = void (*)(const TileArgs* args, const void* context);

/// K of a product, as the loops around the microkernels see it.
struct TileDepth {
  const int64_t* tap_offsets = nullptr;  ///< bytes
  int64_t taps = 1;
  int64_t k = 0;      ///< elements per tap
  int64_t rows = 0;   ///< of a panel per tap: groups of k, and rows of zeros
  int64_t group = 1;  ///< elements per group
  int64_t group_bytes = kGroupBytes;

  TileDepth(const TileTypes& types, const int64_t* offsets, int64_t tap_count, int64_t k_per_tap, int64_t rows_per_tap)
      : tap_offsets(offsets),
        taps(tap_count),
        k(k_per_tap),
        rows(rows_per_tap),
        group(types.group()),
        group_bytes(types.group_bytes()) {}
  /// Of a packed matrix with one tap.
  TileDepth(const TileTypes& types, const int64_t* offset, int64_t depth) : TileDepth(types, offset, 1, depth, 0) {
    rows = stored_k_groups(types.packing(), (k + group - 1) / group);
  }

  int64_t total_rows() const { return taps * rows; }
  /// Rows of a panel that one AMX tile holds, 16 at most: a tap is a multiple of it, and its rows of zeros are fewer.
  int64_t step() const {
    if (group == 1) return 1;
    int64_t step = std::clamp<int64_t>(rows, 1, 16);
    while (rows % step != 0) --step;
    return step;
  }
};

/// How products are cut: K of one tap, in rows of a panel, and blocks for threads; and which weights are prefetched.
struct TileBlocking {
  int64_t longest_k = 6144;         ///< that passes in one piece
  int64_t chunk_k = 4096;           ///< otherwise: pieces of about so much
  double smallest_block = 1 << 18;  ///< multiply-adds that are worth handing to a thread: some 5 us
  int64_t fewest_tiles = 1;         ///< of rows for which that pays, where K is not above the default's longest_k
  int64_t prefetched_bytes = 0;     ///< panels of larger weights are fetched into L2 ahead of their tiles
};

/// No tile is higher.
inline constexpr int kMostTileRows = 32;

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
