#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/gemm/split.h"
#include "kernels/gemm/tile_loop.h"

namespace tegula::kernels {

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
  int64_t height() const { return ceil_div(rows_.count, tiles_); }  // of overlapping tiles

  const std::byte* a_;
  int64_t lda_bytes_;
  Span1 rows_;
  int64_t tiles_;
  bool overlapping_;
};

/// The rows of A copied in the order in which tiles read them, [tile][step of k][row of the tile][bytes of a step]:
/// rows whose distance is a multiple of 1 KiB have few places in L1, where they push each other out.
class CopiedRows {
 public:
  static constexpr int64_t kPoorStride = 1024;

  /// Copies `rows`, which overlap; each has `steps` steps of `step_bytes` bytes. `copy`: bytes() of them.
  CopiedRows(const EvenRows& rows, int64_t lda_bytes, int64_t steps, int64_t step_bytes, std::byte* copy)
      : rows_(rows), steps_(steps), step_bytes_(step_bytes), copy_(copy) {
    for_tiles([&](const RowTile& tile, std::byte* to) {
      for (int64_t first = 0; first < steps; first += kStepsAtOnce) {
        const int64_t end = std::min(first + kStepsAtOnce, steps);
        for (int64_t row = 0; row < tile.rows; ++row)
          for (int64_t step = first; step < end; ++step)
            std::memcpy(to + (step * tile.rows + row) * step_bytes, tile.a + row * lda_bytes + step * step_bytes,
                        static_cast<std::size_t>(step_bytes));
      }
    });
  }

  static int64_t bytes(int64_t rows, int64_t k_bytes) { return (rows + kMostTileRows) * k_bytes; }

  int64_t count() const { return rows_.count(); }

  template <typename F>
  void for_each(const F& f) const {
    for_tiles([&](RowTile tile, const std::byte* copy) {
      tile.a = copy;
      tile.a_step_bytes = tile.rows * step_bytes_;
      f(tile);
    });
  }

 private:
  static constexpr int64_t kStepsAtOnce = 4;

  template <typename F>
  void for_tiles(const F& f) const {
    std::byte* copy = copy_;
    rows_.for_each([&](const RowTile& tile) {
      f(tile, copy);
      copy += tile.rows * steps_ * step_bytes_;
    });
  }

  const EvenRows& rows_;
  int64_t steps_, step_bytes_;
  std::byte* copy_;
};

}  // namespace tegula::kernels
