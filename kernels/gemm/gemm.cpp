#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/gemm/block_grid.h"
#include "kernels/gemm/row_tiles.h"
#include "kernels/gemm/tile_loop.h"

namespace tegula::kernels {
namespace {

constexpr int64_t kNoTap[1] = {0};

/// Rows of A that stay near while the panels of B pass.
constexpr int64_t kNearRowBytes = 1 << 20;
/// As many rows pass together whatever their length, so that B is not read anew too often.
constexpr int64_t kFewestRows = 64;
/// Columns beside which a copy of the rows is cheap.
constexpr int64_t kFewestCopiedColumns = 512;

/// Rows of tiles that pass together, those that overlap counted twice.
int64_t kept_rows(const TileSet& tiles, int64_t m) {
  return std::min(m, kKeptRows) + (tiles.skips_rows() ? kMostTileRows : 0);
}

/// Whether the rows may be worth a copy, if their distance is a poor one (CopiedRows).
bool may_copy_rows(const TileSet& tiles, const GemmShape& shape, const TileDepth& depth) {
  const int64_t step = depth.step() * depth.group;
  return tiles.skips_rows() && !tiles.desc().epilogue.quantized.weight_zero_points && shape.k % step == 0 &&
         depth.total_rows() > tiles.blocking().longest_k && shape.m >= kFewestRows && shape.n >= kFewestCopiedColumns;
}

}  // namespace

int64_t GemmKernel::blocks(const GemmShape& shape, int workers) const {
  return worthwhile_blocks(tiles_->blocking(), shape.m, shape.n, shape.k, shape.m, workers);
}

std::size_t GemmKernel::scratch_bytes(const GemmShape& shape) const {
  const TileDepth depth(tiles_->desc().types, kNoTap, shape.k);
  const auto copy = may_copy_rows(*tiles_, shape, depth)
                        ? CopiedRows::bytes(std::min(shape.m, kKeptRows), shape.k * tiles_->desc().types.src_bytes())
                        : 0;
  return TileLoop::scratch_bytes(*tiles_, depth, kept_rows(*tiles_, shape.m)) + static_cast<std::size_t>(copy);
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
  const int64_t step_bytes = depth.step() * depth.group_bytes;
  const bool copies = may_copy_rows(*tiles_, shape, depth) && lda_bytes % CopiedRows::kPoorStride == 0 &&
                      rows.count >= kFewestRows && panels.count * kPanelColumns >= kFewestCopiedColumns;
  std::byte* const copy = scratch + TileLoop::scratch_bytes(*tiles_, depth, kept_rows(*tiles_, shape.m));
  TileLoop loop(*tiles_, epilogue_, args.epilogue, depth,
                {copies ? step_bytes : lda_bytes, args.b, shape.n, args.c, args.ldc, width, kept_rows(*tiles_, shape.m),
                 scratch});
  int64_t near = std::max<int64_t>(kNearRowBytes / std::max<int64_t>(shape.k * types.src_bytes(), 1), kFewestRows);
  if (TileLoop::keeps_rows(*tiles_, depth)) near = kKeptRows;
  const int64_t parts = ceil_div(rows.count, near);
  for (int64_t i = 0; i < parts; ++i) {
    const Span1 part = even_part(rows.count, parts, i);
    const EvenRows part_rows(*tiles_, args.a, lda_bytes, {rows.begin + part.begin, part.count}, heights.of(width));
    if (copies)
      loop.run(CopiedRows(part_rows, lda_bytes, depth.rows / depth.step(), step_bytes, copy), panels);
    else
      loop.run(part_rows, panels);
  }
}

}  // namespace tegula::kernels
