#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/gemm/split.h"
#include "kernels/gemm/tile_loop.h"

namespace tegula::kernels {

/// Consecutive lines of output pixels in one image (and depth), and where their sums begin to read.
struct ConvRegion {
  int64_t line = 0;  // of all lines of dst
  int64_t lines = 0;
  const std::byte* a = nullptr;
};

/// The regions that are worked on together, and how their pixels lie: pixel x of line y of a region reads from
/// a + y * line_step + x * pixel_step on.
class ConvBand {
 public:
  static constexpr int64_t kMostRegions = 32;

  ConvBand(int64_t width, int64_t pixel_step, int64_t line_step)
      : width_(width), pixel_step_(pixel_step), line_step_(line_step) {}

  void clear() { count_ = lines_ = 0; }
  void add(const ConvRegion& region) {
    regions_[static_cast<std::size_t>(count_++)] = region;
    lines_ += region.lines;
  }

  int64_t lines() const { return lines_; }  ///< of all regions
  int64_t width() const { return width_; }
  int64_t pixel_step() const { return pixel_step_; }
  int64_t line_step() const { return line_step_; }
  const ConvRegion* begin() const { return regions_.data(); }
  const ConvRegion* end() const { return regions_.data() + count_; }

 private:
  int64_t width_, pixel_step_, line_step_;
  std::array<ConvRegion, kMostRegions> regions_;
  int64_t count_ = 0, lines_ = 0;
};

/// The pixels of a band in tiles that never cross the end of a line. `Taps`: (int64_t line) -> Span1, those that add up
/// at a line of dst.
template <typename Taps>
class LineRows {
 public:
  LineRows(const ConvBand& band, int height, const Taps& taps)
      : band_(band), taps_(taps), tiles_per_line_(ceil_div(band.width(), height)) {}

  int64_t count() const { return band_.lines() * tiles_per_line_; }

  template <typename F>
  void for_each(const F& f) const {
    for (const ConvRegion& region : band_) {
      const std::byte* a = region.a;
      for (int64_t line = 0; line < region.lines; ++line, a += band_.line_step()) {
        const Span1 taps = taps_(region.line + line);
        for (int64_t tile = 0; tile < tiles_per_line_; ++tile) {
          const Span1 pixels = even_part(band_.width(), tiles_per_line_, tile);
          const auto rows = static_cast<int>(pixels.count);
          f(RowTile{a + pixels.begin * band_.pixel_step(), (region.line + line) * band_.width() + pixels.begin, rows,
                    rows, taps.begin, taps.begin + taps.count});
        }
      }
    }
  }

 private:
  const ConvBand& band_;
  const Taps& taps_;
  int64_t tiles_per_line_;
};

/// Pixels of lines that lie `pitch` pixel steps apart, as if all of them were one line: what is between two lines, the
/// seam, takes part and is not stored. A 7x7 map in lines of 9 takes two tiles of 31 rows rather than seven of 7.
struct LineGrid {
  int64_t width = 0;
  int64_t pitch = 0;

  /// Of so many lines; no seam follows the last.
  int64_t rows(int64_t lines) const { return (lines - 1) * pitch + width; }
  /// Pixels of lines among the first `row` rows.
  int64_t pixels(int64_t row) const { return row / pitch * width + std::min(row % pitch, width); }
};

/// The pixels of a band in tiles of exactly the same height that run across the ends of lines. The last of a region
/// begins within the one before it.
template <typename Taps>
class GridRows {
 public:
  GridRows(const ConvBand& band, int height, const Taps& taps)
      : band_(band), taps_(taps), height_(height), grid_{band.width(), band.line_step() / band.pixel_step()} {}

  int64_t count() const {
    int64_t tiles = 0;
    for (const ConvRegion& region : band_) tiles += ceil_div(grid_.rows(region.lines), height_);
    return tiles;
  }

  template <typename F>
  void for_each(const F& f) const {
    for (const ConvRegion& region : band_) {
      const int64_t all = grid_.rows(region.lines), tiles = ceil_div(all, height_), rows = ceil_div(all, tiles);
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t first = tile * rows, begin = std::min(first, all - rows), end = begin + rows;
        RowTile part{region.a + begin * band_.pixel_step(), region.line * grid_.width + grid_.pixels(first),
                     static_cast<int>(rows), static_cast<int>(grid_.pixels(end) - grid_.pixels(first))};
        part.stored.first = static_cast<int32_t>(first - begin);
        if (grid_.pitch != grid_.width) {
          part.stored.length = static_cast<int32_t>(grid_.width);
          part.stored.pitch = static_cast<int32_t>(grid_.pitch);
          part.stored.position = static_cast<int32_t>(begin % grid_.pitch);
        }
        // Of lines one below the other the kernel's rows begin earlier and end earlier.
        const Span1 upper = taps_(region.line + begin / grid_.pitch);
        const Span1 lower = taps_(region.line + (end - 1) / grid_.pitch);
        part.first_tap = lower.begin;
        part.end_tap = upper.begin + upper.count;
        f(part);
      }
    }
  }

 private:
  const ConvBand& band_;
  const Taps& taps_;
  int64_t height_;
  LineGrid grid_;
};

}  // namespace tegula::kernels
