#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/gemm/block_grid.h"
#include "kernels/gemm/tile_loop.h"

namespace tegula::kernels {
namespace {

constexpr int64_t kNoTap[1] = {0};

/// Rows of A that stay near while the panels of B pass.
constexpr int64_t kNearRowBytes = 1 << 20;
/// As many rows pass together whatever their length, so that B is not read anew too often.
constexpr int64_t kFewestRows = 64;
/// Rows of A in tiles of equal height, so that none is much lower than the others; of exactly the same height, the last
/// of which begins within the one before, where tiles skip rows: a tile palette is loaded once.
class EvenRows {
 public:
  EvenRows(const TileSet& tiles, const void* a, int64_t lda_bytes, Span1 rows, int height)
      : a_(static_cast<const std::byte*>(a)),
        lda_bytes_(lda_bytes),
        rows_(rows),
        tiles_(ceil_div(rows.count, height)),
        overlapping_(tiles.skips_rows()) {}

  int64_t count() const { return tiles_; }

  template <typename F>
  void for_each(const F& f) const {
    for (int64_t i = 0; i < tiles_; ++i) {
      const Span1 part = overlapping_ ? Span1{i * height(), height()} : even_part(rows_.count, tiles_, i);
      const int64_t begin = std::min(part.begin, rows_.count - part.count), row = rows_.begin + part.begin;
      RowTile tile{a_ + (rows_.begin + begin) * lda_bytes_, row, static_cast<int>(part.count)};
      tile.stored.first = static_cast<int32_t>(part.begin - begin);
      tile.stored_rows = tile.rows - tile.stored.first;
      f(tile);
    }
  }

 private:
  int64_t height() const { return ceil_div(rows_.count, tiles_); }

  const std::byte* a_;
  int64_t lda_bytes_;
  Span1 rows_;
  int64_t tiles_;
  bool overlapping_;
};

/// Rows of tiles that pass together, those that overlap counted twice.
int64_t kept_rows(const TileSet& tiles, int64_t m) {
  return std::min(m, kKeptRows) + (tiles.skips_rows() ? kMostTileRows : 0);
}

}  // namespace

int64_t GemmKernel::blocks(const GemmShape& shape, int workers) const {
  return worthwhile_blocks(shape.m, shape.n, shape.k, shape.m, workers);
}

std::size_t GemmKernel::scratch_bytes(const GemmShape& shape) const {
  const TileDepth depth(tiles_->desc().types, kNoTap, shape.k);
  return TileLoop::scratch_bytes(*tiles_, depth, kept_rows(*tiles_, shape.m));
}

void GemmKernel::run(const GemmShape& shape, const GemmArgs& args, int64_t block, int64_t blocks,
                     std::byte* scratch) const {
  const BlockGrid grid = best_grid(shape.m, shape.n, shape.k, shape.m, blocks);
  const Span1 rows = even_part(shape.m, grid.rows, block / grid.panels);
  const Span1 panels = even_part(ceil_div(shape.n, kPanelColumns), grid.panels, block % grid.panels);
  if (rows.count == 0) return;

  const TileTypes& types = tiles_->desc().types;
  const TileHeights& heights = tiles_->heights();
  const TileDepth depth(types, kNoTap, shape.k);
  const int width = TileLoop::width_for(heights, rows.count);
  const int64_t lda_bytes = args.lda * types.src_bytes();
  TileLoop loop(*tiles_, epilogue_, args.epilogue, depth,
                {lda_bytes, args.b, shape.n, args.c, args.ldc, width, kept_rows(*tiles_, shape.m), scratch});
  int64_t near = std::max<int64_t>(kNearRowBytes / std::max<int64_t>(shape.k * types.src_bytes(), 1), kFewestRows);
  if (TileLoop::keeps_rows(*tiles_, depth)) near = kKeptRows;
  const int64_t parts = ceil_div(rows.count, near);
  for (int64_t i = 0; i < parts; ++i) {
    const Span1 part = even_part(rows.count, parts, i);
    loop.run(EvenRows(*tiles_, args.a, lda_bytes, {rows.begin + part.begin, part.count}, heights.of(width)), panels);
  }
}

}  // namespace tegula::kernels
