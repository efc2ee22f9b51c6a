#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/gemm/pack.h"
#include "kernels/gemm/split.h"
#include "kernels/gemm/tile_epilogue.h"
#include "kernels/gemm/tile_set.h"

namespace tegula::kernels {

/// Some rows that one call of a microkernel computes: consecutive rows of C, and what lies between them.
struct RowTile {
  const std::byte* a = nullptr;  ///< of the first row, at tap offset 0
  int64_t row = 0;               ///< of C, the first that is stored
  int rows = 0;                  ///< of A
  int stored_rows = 0;           ///< of C
  /// What adds nothing for any of its rows may be left out: these taps add up, [first_tap, end_tap).
  int64_t first_tap = 0;
  int64_t end_tap = INT64_MAX;
  StoredRows stored = {};
  int64_t a_step_bytes = 0;  ///< from one step of k (TileDepth::step) of A to the next; 0: rows are without gaps
};

/// Rows that callers pass to TileLoop::run at once where something is kept for each of them (TileLoop::keeps_rows).
inline constexpr int64_t kKeptRows = 512;

/// One matrix product as TileLoop sees it.
struct TileLoopArgs {
  int64_t lda_bytes = 0;         ///< from one row of a RowTile to the next
  const void* b = nullptr;       ///< packed, of the given depth
  int64_t n = 0;                 ///< columns
  void* c = nullptr;             ///< rows of any distance
  int64_t ldc = 0;               ///< elements
  int width = 1;                 ///< panels side by side
  int64_t most_rows = 0;         ///< that are passed to run() at once
  std::byte* scratch = nullptr;  ///< scratch_bytes(), aligned to 64 bytes
};

/// The loops around the microkernels, for one epilogue and one packed matrix. Cuts the panels of B into widths of 4, 2
/// or 1 and K into chunks, and decides what stays in the caches while the rest passes. What the rows are is the
/// caller's business. Lives on the stack of one call.
class TileLoop {
 public:
  /// Whether a pass keeps sums for each row: then it needs scratch for them.
  static bool keeps_rows(const TileSet& tiles, const TileDepth& depth) {
    return needs_chunks(tiles, depth) || sums_rows(tiles);
  }
  /// Of `scratch` for passes of `rows` rows.
  static std::size_t scratch_bytes(const TileSet& tiles, const TileDepth& depth, int64_t rows) {
    const auto state = static_cast<int64_t>(tiles.state_bytes());
    const int64_t partial = needs_chunks(tiles, depth) ? rows * kWidest * kPanelRowBytes : 0;
    return static_cast<std::size_t>(state + row_sum_bytes(tiles, rows) + partial);
  }

  /// Panels side by side for `rows` rows next to each other: the widest tile that holds all of them, else the largest
  /// tile.
  static int width_for(const TileHeights& heights, int64_t rows) {
    for (const int panels : {4, 2, 1})
      if (heights.of(panels) >= rows) return panels;
    return heights.panels1 >= 2 * heights.panels2 ? 1 : 2;
  }

  TileLoop(const TileSet& tiles, const TileEpilogue& epilogue, const EpilogueArgs& epilogue_args,
           const TileDepth& depth, const TileLoopArgs& args)
      : tiles_(tiles),
        epilogue_(epilogue),
        epilogue_args_(epilogue_args),
        depth_(depth),
        b_(static_cast<const std::byte*>(args.b)),
        n_(args.n),
        c_(static_cast<std::byte*>(args.c)),
        c_bytes_(tiles.desc().types.dst_bytes()),
        ldc_(args.ldc),
        width_(args.width),
        row_sums_(reinterpret_cast<int32_t*>(args.scratch + tiles.state_bytes())),
        partial_(args.scratch + tiles.state_bytes() + row_sum_bytes(tiles, args.most_rows)),
        panel_bytes_(depth.total_rows() * kPanelRowBytes),
        prefetches_(ceil_div(args.n, kPanelColumns) * panel_bytes_ > tiles.blocking().prefetched_bytes) {
    tile_.lda_bytes = args.lda_bytes;
    tile_.ldc_bytes = args.ldc * c_bytes_;
    tile_.panel_bytes = panel_bytes_;
    tile_.k_step = depth.step();
    tile_.depth_rows = depth.total_rows();
    tile_.state = args.scratch;
    tiles.begin(tile_.state);
    epilogue.begin(epilogue_args, depth.taps * depth.k, tile_);
  }
  ~TileLoop() { tiles_.finish(tile_.state); }
  TileLoop(const TileLoop&) = delete;
  TileLoop& operator=(const TileLoop&) = delete;

  /// Computes columns of `panels` for all rows. Rows has `int64_t count() const`, the number of its tiles, and
  /// `for_each(f)` that calls f(const RowTile&) for each of them. No tile is higher than TileHeights::of(width).
  template <typename Rows>
  void run(const Rows& rows, Span1 panels) {
    if (rows.count() == 0 || panels.count == 0) return;
    if (sums_rows(tiles_)) sum_rows(rows);
    const bool chunks = needs_chunks(tiles_, depth_) &&
                        (depth_.total_rows() > kLongestK || rows.count() >= tiles_.blocking().fewest_tiles);
    if (!chunks && panels.count * panel_bytes_ <= kStationaryBytes) {
      tile_.prefetch_step = 0;
      set_depth({0, depth_.taps}, {0, depth_.rows});
      int64_t passed = 0;
      rows.for_each([&](const RowTile& row_tile) {
        for_widths(panels, [&](int64_t panel, int width) {
          run_tile(row_tile, passed, panel, width, b_ + panel * panel_bytes_);
        });
        passed += row_tile.rows;
      });
      return;
    }
    const int64_t end = panels.begin + panels.count;
    for_widths(panels, [&](int64_t panel, int width) {
      if (chunks) return run_chunks(rows, panel, width, end);
      set_depth({0, depth_.taps}, {0, depth_.rows});
      const int64_t next = panel + width;
      begin_prefetch(b_ + next * panel_bytes_, next < end ? std::min<int64_t>(width, end - next) * panel_bytes_ : 0, 1,
                     rows.count());
      int64_t passed = 0;
      rows.for_each([&](const RowTile& row_tile) {
        prefetch_part(row_tile.rows);
        run_tile(row_tile, passed, panel, width, b_ + panel * panel_bytes_);
        passed += row_tile.rows;
      });
    });
  }

 private:
  static constexpr int64_t kSumBytes = 4;
  static constexpr int64_t kWidest = 4;
  /// Weights that stay in L2 while all rows pass: then the rows are read once and C is written row by row.
  static constexpr int64_t kStationaryBytes = 384 << 10;
  /// K is cut so that the panels of one tile leave room for A in L2 (1 MiB on the machine of these measurements). Both
  /// in rows of a panel.
  static constexpr int64_t kLongestK = TileBlocking().longest_k;
  static constexpr int64_t kChunkK = TileBlocking().chunk_k;

  static bool needs_chunks(const TileSet& tiles, const TileDepth& depth) {
    return depth.total_rows() > (depth.taps == 1 ? tiles.blocking().longest_k : kLongestK);
  }
  static int64_t row_sum_bytes(const TileSet& tiles, int64_t rows) {
    return sums_rows(tiles) ? ceil_div(rows * kSumBytes, kPanelRowBytes) * kPanelRowBytes : 0;
  }
  static bool sums_rows(const TileSet& tiles) { return tiles.desc().epilogue.quantized.weight_zero_points; }

  /// Chunks are runs of whole taps where there are several, else parts of the only tap's K.
  template <typename Rows>
  void run_chunks(const Rows& rows, int64_t panel, int width, int64_t end) {
    const bool whole_taps = depth_.taps > 1;
    const int64_t size = whole_taps ? depth_.taps : depth_.rows / depth_.step();
    const int64_t chunk = depth_.taps == 1 ? tiles_.blocking().chunk_k : kChunkK;
    const int64_t chunks = std::min(size, ceil_div(depth_.total_rows(), chunk));
    for (int64_t i = 0; i < chunks; ++i) {
      const Span1 part = even_part(size, chunks, i);
      const Span1 taps = whole_taps ? part : Span1{0, 1};
      const Span1 k =
          whole_taps ? Span1{0, depth_.rows} : Span1{part.begin * depth_.step(), part.count * depth_.step()};
      const int64_t first_row = taps.begin * depth_.rows + k.begin, bytes = taps.count * k.count * kPanelRowBytes;
      set_depth(taps, k);
      tile_.first_chunk = i == 0;
      tile_.last_chunk = i + 1 == chunks;
      const std::byte* const b = b_ + panel * panel_bytes_ + first_row * kPanelRowBytes;
      const bool ends = tile_.last_chunk && panel + width >= end;
      const std::byte* const next = tile_.last_chunk ? b_ + (panel + width) * panel_bytes_ : b + bytes;
      begin_prefetch(next, ends ? 0 : bytes, width, rows.count());
      int64_t passed = 0;
      rows.for_each([&](RowTile row_tile) {
        prefetch_part(row_tile.rows);
        tile_.partial = partial_ + passed * width * kPanelRowBytes;
        row_tile.a += k.begin / depth_.step() * step_bytes(row_tile);
        run_tile(row_tile, passed, panel, width, b);
        passed += row_tile.rows;
      });
    }
    tile_.first_chunk = tile_.last_chunk = 1;
  }

  /// `rows`: of each tap's rows of a panel.
  void set_depth(Span1 taps, Span1 rows) {
    const int64_t whole = depth_.k / depth_.group, left = depth_.k % depth_.group;
    const int64_t end = rows.begin + rows.count;
    taps_ = rows.count > 0 ? taps : Span1{taps.begin, 0};
    const bool tail = left > 0 && whole >= rows.begin && whole < end;
    tile_.k = std::max<int64_t>(std::min(whole, end) - rows.begin, 0);
    tile_.k_tail_bytes = tail ? static_cast<int32_t>(left * depth_.group_bytes / depth_.group) : 0;
    tile_.b_tap_skip = (rows.count - tile_.k - (tail ? 1 : 0)) * kPanelRowBytes;
  }

  /// Sums of the rows of A, over all taps.
  template <typename Rows>
  void sum_rows(const Rows& rows) {
    int32_t* to = row_sums_;
    rows.for_each([&](const RowTile& row_tile) {
      for (int row = 0; row < row_tile.rows; ++row) {
        uint32_t sum = 0;
        for (int64_t tap = 0; tap < depth_.taps; ++tap) {
          const auto* const q =
              reinterpret_cast<const uint8_t*>(row_tile.a + depth_.tap_offsets[tap]) + row * tile_.lda_bytes;
          for (int64_t k = 0; k < depth_.k; ++k) sum += q[k];
        }
        *to++ = static_cast<int32_t>(sum);
      }
    });
  }

  /// `tiles` tiles share the fetching of `pieces` runs of `bytes` that start a panel apart.
  void begin_prefetch(const std::byte* from, int64_t bytes, int64_t pieces, int64_t tiles) {
    prefetch_from_ = from;
    prefetch_bytes_ = bytes;
    prefetch_total_ = bytes * pieces;
    prefetch_done_ = 0;
    prefetch_part_ = ceil_div(prefetch_total_, tiles * kPanelRowBytes) * kPanelRowBytes;
    prefetch_tiles_ = tiles;
  }

  /// Lines per four rows of a panel, so that the tiles that share the next panels fetch all of them. Measured with
  /// weights in DRAM, K = 1024 (fp32), N = 4096: a single tile of up to four rows leaves the stream to the hardware.
  static int lines_for(int64_t tiles, int rows) {
    if (tiles == 1) return rows <= 2 ? 2 : rows <= 4 ? 0 : 8;
    return tiles <= 3 ? 4 : 2;
  }

  void prefetch_part(int rows) {
    const int lines = prefetches_ && prefetch_done_ < prefetch_total_ ? lines_for(prefetch_tiles_, rows) : 0;
    tile_.prefetch_step = lines * kPanelRowBytes;
    if (lines == 0) return;
    tile_.prefetch_lines = lines;
    const int64_t piece = prefetch_done_ / prefetch_bytes_, within = prefetch_done_ % prefetch_bytes_;
    tile_.prefetch = prefetch_from_ + piece * panel_bytes_ + within;
    prefetch_done_ += prefetch_part_;
  }

  int64_t step_bytes(const RowTile& row_tile) const {
    return row_tile.a_step_bytes > 0 ? row_tile.a_step_bytes : tile_.k_step * depth_.group_bytes;
  }

  /// `passed`: rows of this pass before the tile.
  void run_tile(const RowTile& row_tile, int64_t passed, int64_t panel, int width, const std::byte* b) {
    const int64_t column = panel * kPanelColumns;
    const int64_t first_tap = std::clamp(row_tile.first_tap, taps_.begin, taps_.begin + taps_.count);
    tile_.tap_offsets = depth_.tap_offsets + first_tap;
    tile_.taps = std::max<int64_t>(std::min(row_tile.end_tap, taps_.begin + taps_.count) - first_tap, 0);
    tile_.a = row_tile.a;
    tile_.a_step_bytes = step_bytes(row_tile);
    tile_.b = b + (first_tap - taps_.begin) * depth_.rows * kPanelRowBytes;
    tile_.c = c_ + (row_tile.row * ldc_ + column) * c_bytes_;
    tile_.last_columns = static_cast<int32_t>(std::min(kPanelColumns, n_ - column - (width - 1) * kPanelColumns));
    tile_.row_sums = row_sums_ == nullptr ? nullptr : row_sums_ + passed;
    if (tile_.prefetch_step == 0) tile_.prefetch = b;
    tile_.stored = row_tile.stored;
    epilogue_.place(epilogue_args_, row_tile.row, row_tile.stored_rows, column, shared_, tile_);
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
  const std::byte* const b_;
  const int64_t n_;
  std::byte* const c_;
  const int64_t c_bytes_, ldc_;
  const int width_;
  int32_t* const row_sums_;
  std::byte* const partial_;
  const int64_t panel_bytes_;
  const bool prefetches_;
  Span1 taps_{0, 0};  // of this pass
  TileArgs tile_;
  SharedSourceValues shared_;

  const std::byte* prefetch_from_ = nullptr;
  int64_t prefetch_bytes_ = 0, prefetch_total_ = 0, prefetch_done_ = 0, prefetch_part_ = 0, prefetch_tiles_ = 1;
};

}  // namespace tegula::kernels
