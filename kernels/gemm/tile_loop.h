#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/gemm/pack.h"
#include "kernels/gemm/split.h"
#include "kernels/gemm/tile_epilogue.h"
#include "kernels/gemm/tile_set.h"

namespace tegula::kernels {

/// Some consecutive rows of C that one call of a microkernel computes.
struct RowTile {
  const float* a = nullptr;  ///< of the first row, at tap offset 0
  int64_t row = 0;           ///< of C
  int rows = 0;
};

/// Where the sums of a long K wait between its chunks: at most so many rows may be passed to TileLoop::run at once.
inline constexpr int64_t kPartialRows = 512;

/// The loops around the microkernels, for one epilogue and one packed matrix. Cuts the panels of B into widths of 4, 2
/// or 1 and K into chunks, and decides what stays in the caches while the rest passes. What the rows are is the
/// caller's business. Lives on the stack of one call.
class TileLoop {
 public:
  /// Bytes that `partial` must have for `rows` rows: 0 when K needs no chunks.
  static std::size_t partial_bytes(const TileDepth& depth, int64_t rows) {
    if (!needs_chunks(depth)) return 0;
    constexpr int64_t kWidest = 4;
    return static_cast<std::size_t>(std::min(rows, kPartialRows) * kWidest * kPanelRowBytes);
  }
  static bool needs_chunks(const TileDepth& depth) { return depth.total() > kLongestK; }

  /// Panels side by side for `rows` rows next to each other: the widest tile that holds all of them, else the largest
  /// tile.
  static int width_for(const TileHeights& heights, int64_t rows) {
    for (const int panels : {4, 2, 1})
      if (heights.of(panels) >= rows) return panels;
    return heights.panels1 >= 2 * heights.panels2 ? 1 : 2;
  }

  /// `b` is packed n16k1 with `depth.total()` rows and `n` columns; C has rows of any distance. lda_bytes is the
  /// distance of two rows of a RowTile.
  TileLoop(const TileSet& tiles, const TileEpilogue& epilogue, const EpilogueArgs& epilogue_args,
           const TileDepth& depth, int64_t lda_bytes, const float* b, int64_t n, float* c, int64_t ldc, int width,
           float* partial)
      : tiles_(tiles),
        epilogue_(epilogue),
        epilogue_args_(epilogue_args),
        depth_(depth),
        b_(b),
        n_(n),
        c_(c),
        ldc_(ldc),
        width_(width),
        partial_(partial),
        panel_elements_(depth.total() * kPanelColumns) {
    tile_.lda_bytes = lda_bytes;
    tile_.ldc_bytes = ldc * kElementBytes;
    tile_.panel_bytes = panel_elements_ * kElementBytes;
    epilogue.begin(epilogue_args, tile_);
  }

  /// Computes columns of `panels` for all rows. Rows has `int64_t count() const`, the number of its tiles, and
  /// `for_each(f)` that calls f(const RowTile&) for each of them. No tile is higher than TileHeights::of(width).
  template <typename Rows>
  void run(const Rows& rows, Span1 panels) {
    if (rows.count() == 0 || panels.count == 0) return;
    const bool chunks = needs_chunks(depth_);
    if (!chunks && panels.count * tile_.panel_bytes <= kStationaryBytes) {
      tile_.prefetch_step = 0;
      set_depth({0, depth_.taps}, {0, depth_.k});
      rows.for_each([&](const RowTile& row_tile) {
        for_widths(panels,
                   [&](int64_t panel, int width) { run_tile(row_tile, panel, width, b_ + panel * panel_elements_); });
      });
      return;
    }
    const int64_t end = panels.begin + panels.count;
    for_widths(panels, [&](int64_t panel, int width) {
      if (chunks) return run_chunks(rows, panel, width, end);
      set_depth({0, depth_.taps}, {0, depth_.k});
      const int64_t next = panel + width;
      begin_prefetch(b_ + next * panel_elements_,
                     next < end ? std::min<int64_t>(width, end - next) * tile_.panel_bytes : 0, 1, rows.count());
      rows.for_each([&](const RowTile& row_tile) {
        prefetch_part(row_tile.rows);
        run_tile(row_tile, panel, width, b_ + panel * panel_elements_);
      });
    });
  }

 private:
  static constexpr int64_t kElementBytes = sizeof(float);
  /// Weights that stay in L2 while all rows pass: then the rows are read once and C is written row by row.
  static constexpr int64_t kStationaryBytes = 384 << 10;
  /// K is cut so that the panels of one tile leave room for A in L2 (1 MiB on the machine of these measurements).
  static constexpr int64_t kLongestK = 6144;
  static constexpr int64_t kChunkK = 4096;

  /// Chunks are runs of whole taps where there are several, else parts of the only tap's K.
  template <typename Rows>
  void run_chunks(const Rows& rows, int64_t panel, int width, int64_t end) {
    const bool whole_taps = depth_.taps > 1;
    const int64_t size = whole_taps ? depth_.taps : depth_.k;
    const int64_t chunks = std::min(size, ceil_div(depth_.total(), kChunkK));
    for (int64_t i = 0; i < chunks; ++i) {
      const Span1 part = even_part(size, chunks, i);
      const Span1 taps = whole_taps ? part : Span1{0, 1};
      const Span1 k = whole_taps ? Span1{0, depth_.k} : part;
      const int64_t first_row = taps.begin * depth_.k + k.begin, count = taps.count * k.count;
      set_depth(taps, k);
      tile_.first_chunk = i == 0;
      tile_.last_chunk = i + 1 == chunks;
      const float* const b = b_ + panel * panel_elements_ + first_row * kPanelColumns;
      const bool ends = tile_.last_chunk && panel + width >= end;
      const float* const next = tile_.last_chunk ? b_ + (panel + width) * panel_elements_ : b + count * kPanelColumns;
      begin_prefetch(next, ends ? 0 : count * kPanelRowBytes, width, rows.count());
      int64_t partial = 0;
      rows.for_each([&](RowTile row_tile) {
        prefetch_part(row_tile.rows);
        tile_.partial = partial_ + partial;
        partial += row_tile.rows * width * kPanelColumns;
        row_tile.a += k.begin;
        run_tile(row_tile, panel, width, b);
      });
    }
    tile_.first_chunk = tile_.last_chunk = 1;
  }

  void set_depth(Span1 taps, Span1 k) {
    tile_.tap_offsets = depth_.tap_offsets + taps.begin;
    tile_.taps = k.count > 0 ? taps.count : 0;
    tile_.k = k.count;
  }

  /// `tiles` tiles share the fetching of `pieces` runs of `bytes` that start a panel apart.
  void begin_prefetch(const float* from, int64_t bytes, int64_t pieces, int64_t tiles) {
    prefetch_from_ = from;
    prefetch_bytes_ = bytes;
    prefetch_total_ = bytes * pieces;
    prefetch_done_ = 0;
    prefetch_part_ = ceil_div(prefetch_total_, tiles * kPanelRowBytes) * kPanelRowBytes;
    prefetch_tiles_ = tiles;
  }

  /// Lines per four k, so that the tiles that share the next panels fetch all of them. Measured with weights in DRAM, K
  /// = 1024, N = 4096: a single tile of up to four rows leaves the stream to the hardware.
  static int lines_for(int64_t tiles, int rows) {
    if (tiles == 1) return rows <= 2 ? 2 : rows <= 4 ? 0 : 8;
    return tiles <= 3 ? 4 : 2;
  }

  void prefetch_part(int rows) {
    const int lines = prefetch_done_ < prefetch_total_ ? lines_for(prefetch_tiles_, rows) : 0;
    tile_.prefetch_step = lines * kPanelRowBytes;
    if (lines == 0) return;
    tile_.prefetch_lines = lines;
    const int64_t piece = prefetch_done_ / prefetch_bytes_, within = prefetch_done_ % prefetch_bytes_;
    tile_.prefetch = prefetch_from_ + piece * panel_elements_ + within / kElementBytes;
    prefetch_done_ += prefetch_part_;
  }

  void run_tile(const RowTile& row_tile, int64_t panel, int width, const float* b) {
    const int64_t column = panel * kPanelColumns;
    tile_.a = row_tile.a;
    tile_.b = b;
    tile_.c = c_ + row_tile.row * ldc_ + column;
    tile_.last_columns = static_cast<int32_t>(std::min(kPanelColumns, n_ - column - (width - 1) * kPanelColumns));
    if (tile_.prefetch_step == 0) tile_.prefetch = b;
    epilogue_.place(epilogue_args_, row_tile.row, column, tile_);
    tiles_.run(row_tile.rows, width, tile_);
  }

  /// Full widths, then what is left in powers of two.
  template <typename Body>
  void for_widths(Span1 panels, const Body& body) const {
    int64_t panel = panels.begin;
    const int64_t end = panels.begin + panels.count;
    for (int width = width_; width > 0; width /= 2)
      for (; panel + width <= end; panel += width) body(panel, width);
  }

  const TileSet& tiles_;
  const TileEpilogue& epilogue_;
  const EpilogueArgs& epilogue_args_;
  const TileDepth depth_;
  const float* const b_;
  const int64_t n_;
  float* const c_;
  const int64_t ldc_;
  const int width_;
  float* const partial_;
  const int64_t panel_elements_;
  TileArgs tile_;

  const float* prefetch_from_ = nullptr;
  int64_t prefetch_bytes_ = 0, prefetch_total_ = 0, prefetch_done_ = 0, prefetch_part_ = 0, prefetch_tiles_ = 1;
};

}  // namespace tegula::kernels
