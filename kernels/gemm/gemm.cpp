#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/gemm/pack.h"
#include "kernels/gemm/split.h"

namespace tegula::kernels {
namespace {

constexpr int64_t kElementBytes = sizeof(float);
constexpr int64_t kNoTap[1] = {0};

/// Weights of a block that stay in L2 while all rows of A pass: then A is read once and C written row by row.
constexpr int64_t kStationaryWeightBytes = 384 << 10;
/// Rows of A that stay near while the panels of B pass.
constexpr int64_t kStationaryRowBytes = 1 << 20;
/// K is cut so that the panels of one tile leave room for A in L2 (1 MiB on the machines at hand).
constexpr int64_t kLongestK = 6144;
constexpr int64_t kChunkK = 4096;
/// Rows whose partial sums wait between chunks of K: 64 KiB for two panels.
constexpr int64_t kPartialRows = 512;
/// Below this many multiply-adds a block is not worth handing to another thread.
constexpr int64_t kSmallestBlock = 1 << 18;

/// How many parts rows and panels are cut into; rows * panels == blocks.
struct Grid {
  int64_t rows = 1;
  int64_t panels = 1;
};

/// The cheapest grid of exactly `blocks` parts: what each block reads, and how uneven they are.
Grid best_grid(const GemmShape& shape, int64_t blocks) {
  const int64_t panels = ceil_div(shape.n, kPanelColumns);
  Grid best{1, blocks};
  double best_cost = -1;
  for (int64_t rows = 1; rows <= blocks; ++rows) {
    if (blocks % rows != 0) continue;
    const Grid grid{rows, blocks / rows};
    const double m = static_cast<double>(ceil_div(shape.m, grid.rows));
    const double n = static_cast<double>(ceil_div(panels, grid.panels) * kPanelColumns);
    const double k = static_cast<double>(shape.k);
    // Arithmetic of the largest block, and what it reads: 16 multiply-adds take the time of loading about 8 bytes.
    const double cost = m * n * k / 16 + (m * k + n * k) * kElementBytes / 8;
    if (best_cost < 0 || cost < best_cost) {
      best = grid;
      best_cost = cost;
    }
  }
  return best;
}

/// Panels side by side for blocks of `rows` rows: the widest tile that holds all of them, else the largest tile.
int panels_for(const TileHeights& heights, int64_t rows) {
  for (const int panels : {4, 2, 1})
    if (heights.of(panels) >= rows) return panels;
  return heights.panels1 >= 2 * heights.panels2 ? 1 : 2;
}

/// One block of the grid.
class Block {
 public:
  Block(const TileSet& tiles, const TileEpilogue& epilogue, const GemmShape& shape, const GemmArgs& args,
        std::byte* scratch)
      : tiles_(tiles), epilogue_(epilogue), shape_(shape), args_(args), panel_bytes_(shape.k * kPanelRowBytes) {
    tile_.tap_offsets = kNoTap;
    tile_.lda_bytes = args.lda * kElementBytes;
    tile_.ldc_bytes = args.ldc * kElementBytes;
    tile_.panel_bytes = panel_bytes_;
    tile_.partial = reinterpret_cast<float*>(scratch);
    epilogue.begin(args.epilogue, tile_);
  }

  void run(Span1 rows, Span1 panels) {
    if (rows.count == 0 || panels.count == 0) return;
    width_ = panels_for(tiles_.heights(), rows.count);
    const bool cut_k = shape_.k > kLongestK;
    if (!cut_k && panels.count * panel_bytes_ <= kStationaryWeightBytes) {
      for_tiles(rows, [&](Span1 tile_rows) {
        for_widths(panels, [&](int64_t panel, int width) { run_tile(tile_rows, panel, width); });
      });
      return;
    }
    const int64_t rows_at_once =
        cut_k ? kPartialRows : std::max<int64_t>(kStationaryRowBytes / (shape_.k * kElementBytes), 64);
    const int64_t parts = ceil_div(rows.count, rows_at_once);
    for (int64_t part = 0; part < parts; ++part) {
      const Span1 near = even_part(rows.count, parts, part);
      run_rows({rows.begin + near.begin, near.count}, panels, cut_k);
    }
  }

 private:
  /// The panels pass, one tile's width after the other, each by all rows.
  void run_rows(Span1 rows, Span1 panels, bool cut_k) {
    const int64_t last = panels.begin + panels.count;
    for_widths(panels, [&](int64_t panel, int width) {
      const int64_t next = panel + width;
      prefetch_from(next < last ? next : panel, next < last, rows.count, width);
      if (cut_k) {
        run_chunks(rows, panel, width);
      } else {
        for_tiles(rows, [&](Span1 tile_rows) { run_tile(tile_rows, panel, width); });
      }
    });
  }

  /// While this width of panels is used, the next one is fetched.
  void prefetch_from(int64_t panel, bool fetch, int64_t rows, int width) {
    const int64_t tiles = ceil_div(rows, tiles_.heights().of(width));
    tile_.prefetch_step = fetch ? 2 * kPanelRowBytes : 0;
    prefetch_ = args_.b + panel * shape_.k * kPanelColumns;
    prefetch_per_tile_ = fetch ? ceil_div(width * panel_bytes_, tiles * kPanelRowBytes) * kPanelColumns : 0;
    prefetch_end_ = args_.b + ceil_div(shape_.n, kPanelColumns) * shape_.k * kPanelColumns;
  }

  void run_chunks(Span1 rows, int64_t panel, int width) {
    const int64_t chunks = ceil_div(shape_.k, kChunkK);
    float* const partial = tile_.partial;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const Span1 k = even_part(shape_.k, chunks, chunk);
      tile_.first_chunk = chunk == 0;
      tile_.last_chunk = chunk + 1 == chunks;
      for_tiles(rows, [&](Span1 tile_rows) {
        tile_.partial = partial + (tile_rows.begin - rows.begin) * width * kPanelColumns;
        run_tile(tile_rows, panel, width, k);
      });
    }
    tile_.partial = partial;
    tile_.first_chunk = tile_.last_chunk = 1;
  }

  void run_tile(Span1 rows, int64_t panel, int width) { run_tile(rows, panel, width, {0, shape_.k}); }

  void run_tile(Span1 rows, int64_t panel, int width, Span1 k) {
    const int64_t column = panel * kPanelColumns;
    tile_.a = args_.a + rows.begin * args_.lda + k.begin;
    tile_.b = args_.b + (panel * shape_.k + k.begin) * kPanelColumns;
    tile_.taps = k.count > 0 ? 1 : 0;
    tile_.k = k.count;
    tile_.c = args_.c + rows.begin * args_.ldc + column;
    tile_.last_columns = static_cast<int32_t>(std::min(kPanelColumns, shape_.n - column - (width - 1) * kPanelColumns));
    tile_.prefetch = tile_.prefetch_step != 0 ? prefetch_ : tile_.b;
    if (tile_.prefetch_step != 0) prefetch_ = std::min(prefetch_ + prefetch_per_tile_, prefetch_end_);
    epilogue_.place(args_.epilogue, rows.begin, column, tile_);
    tiles_.run(static_cast<int>(rows.count), width, tile_);
  }

  /// Tiles of equal height, so that none is much lower than the others.
  template <typename Body>
  void for_tiles(Span1 rows, const Body& body) const {
    const int64_t tiles = ceil_div(rows.count, tiles_.heights().of(width_));
    for (int64_t i = 0; i < tiles; ++i) {
      const Span1 part = even_part(rows.count, tiles, i);
      body(Span1{rows.begin + part.begin, part.count});
    }
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
  const GemmShape& shape_;
  const GemmArgs& args_;
  const int64_t panel_bytes_;
  int width_ = 1;  // panels side by side
  TileArgs tile_;
  const float* prefetch_ = nullptr;
  const float* prefetch_end_ = nullptr;
  int64_t prefetch_per_tile_ = 0;  // elements
};

}  // namespace

int64_t GemmKernel::blocks(const GemmShape& shape, int workers) const {
  if (workers <= 1) return 1;
  const double work = static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
  const auto worthwhile = static_cast<int64_t>(std::min(work / kSmallestBlock, 1e6));
  // More blocks than workers even out what the system takes away from one of them, but each reads its operands anew.
  const int64_t wanted = std::min<int64_t>(worthwhile, int64_t{workers} * 2);
  const int64_t possible = std::max<int64_t>(1, shape.m) * ceil_div(shape.n, kPanelColumns);
  return std::max<int64_t>(1, std::min(wanted, possible));
}

std::size_t GemmKernel::scratch_bytes(const GemmShape& shape) const {
  if (shape.k <= kLongestK) return 0;
  const int64_t rows = std::min(shape.m, kPartialRows);
  return static_cast<std::size_t>(rows * 4 * kPanelRowBytes);
}

void GemmKernel::run(const GemmShape& shape, const GemmArgs& args, int64_t block, int64_t blocks,
                     std::byte* scratch) const {
  const Grid grid = best_grid(shape, blocks);
  const Span1 rows = even_part(shape.m, grid.rows, block / grid.panels);
  const Span1 panels = even_part(ceil_div(shape.n, kPanelColumns), grid.panels, block % grid.panels);
  Block(*tiles_, epilogue_, shape, args, scratch).run(rows, panels);
}

}  // namespace tegula::kernels
