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
/// Rows of A in tiles of equal height, so that none is much lower than the others.
class EvenRows {
 public:
  EvenRows(const void* a, int64_t lda_bytes, Span1 rows, int height)
      : a_(static_cast<const std::byte*>(a)),
        lda_bytes_(lda_bytes),
        rows_(rows),
        tiles_(ceil_div(rows.count, height)) {}

  int64_t count() const { return tiles_; }

  template <typename F>
  void for_each(const F& f) const {
    for (int64_t i = 0; i < tiles_; ++i) {
      const Span1 part = even_part(rows_.count, tiles_, i);
      const int64_t row = rows_.begin + part.begin;
      f(RowTile{a_ + row * lda_bytes_, row, static_cast<int>(part.count)});
    }
  }

 private:
  const std::byte* a_;
  int64_t lda_bytes_;
  Span1 rows_;
  int64_t tiles_;
};

}  // namespace

int64_t GemmKernel::blocks(const GemmShape& shape, int workers) const {
  return worthwhile_blocks(shape.m, shape.n, shape.k, shape.m, workers);
}

std::size_t GemmKernel::scratch_bytes(const GemmShape& shape) const {
  const TileDepth depth(tiles_->desc().types, kNoTap, shape.k);
  return TileLoop::scratch_bytes(*tiles_, depth, std::min(shape.m, kKeptRows));
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
                {lda_bytes, args.b, shape.n, args.c, args.ldc, width, std::min(shape.m, kKeptRows), scratch});
  int64_t near = std::max<int64_t>(kNearRowBytes / std::max<int64_t>(shape.k * types.src_bytes(), 1), kFewestRows);
  if (TileLoop::keeps_rows(*tiles_, depth)) near = kKeptRows;
  const int64_t parts = ceil_div(rows.count, near);
  for (int64_t i = 0; i < parts; ++i) {
    const Span1 part = even_part(rows.count, parts, i);
    loop.run(EvenRows(args.a, lda_bytes, {rows.begin + part.begin, part.count}, heights.of(width)), panels);
  }
}

}  // namespace tegula::kernels
