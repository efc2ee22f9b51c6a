#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/gemm/packed_size.h"
#include "kernels/gemm/split.h"
#include "kernels/gemm/tile.h"

namespace tegula::kernels {

/// How many parts the rows and the panels of a product are cut into; rows * panels == blocks.
struct BlockGrid {
  int64_t rows = 1;
  int64_t panels = 1;
};

/// The cheapest grid of exactly `blocks` parts, by what the largest block computes and reads. `row_units` is what rows
/// can be cut into: single rows, or lines of rows that stay together.
inline BlockGrid best_grid(int64_t m, int64_t n, int64_t k, int64_t row_units, int64_t blocks) {
  const int64_t panels = ceil_div(n, kPanelColumns);
  BlockGrid best{1, blocks};
  double best_cost = -1;
  for (int64_t rows = 1; rows <= blocks; ++rows) {
    if (blocks % rows != 0) continue;
    const BlockGrid grid{rows, blocks / rows};
    const double unit = static_cast<double>(m) / static_cast<double>(std::max<int64_t>(row_units, 1));
    const double block_m = static_cast<double>(ceil_div(row_units, grid.rows)) * unit;
    const double block_n = static_cast<double>(ceil_div(panels, grid.panels) * kPanelColumns);
    // 16 multiply-adds take the time of loading about 8 bytes.
    const double cost = static_cast<double>(k) * (block_m * block_n / 16 + (block_m + block_n) * sizeof(float) / 8);
    if (best_cost < 0 || cost < best_cost) {
      best = grid;
      best_cost = cost;
    }
  }
  return best;
}

/// Blocks worth making of a product for `workers` threads, at least 1. More blocks than workers even out what the
/// system takes away from one of them, but each reads its operands anew; and a block must be worth handing over.
inline int64_t worthwhile_blocks(const TileBlocking& blocking, int64_t m, int64_t n, int64_t k, int64_t row_units,
                                 int workers) {
  if (workers <= 1) return 1;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const auto worthwhile = static_cast<int64_t>(std::min(work / blocking.smallest_block, 1e6));
  const int64_t possible = std::max<int64_t>(1, row_units) * std::max<int64_t>(1, ceil_div(n, kPanelColumns));
  return std::max<int64_t>(1, std::min({worthwhile, int64_t{workers} * 2, possible}));
}

}  // namespace tegula::kernels
