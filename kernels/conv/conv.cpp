#include "kernels/conv/conv.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/gemm/block_grid.h"
#include "kernels/gemm/tile_loop.h"

namespace tegula::kernels {
namespace {

constexpr int64_t kElementBytes = sizeof(float);
constexpr int kDepth = 0, kHeight = 1, kWidth = 2;

/// Source that is worked on at once, beside weights that stay in L2 (1 MiB on the machine of these measurements) ...
constexpr int64_t kBandBytes = 256 << 10;
/// ... and while larger weights pass: as much as fits beside two tiles of panels, so that they pass rarely.
constexpr int64_t kLargeBandBytes = 640 << 10;
constexpr int64_t kStationaryWeightBytes = 384 << 10;
constexpr int64_t kMostRegions = 32;

}  // namespace

PackedConv packed_weights(const ConvShape& shape) {
  return {Packing::kN16K1,
          shape.groups,
          1,
          shape.oc / shape.groups,
          shape.ic / shape.groups,
          shape.kernel[kDepth],
          shape.kernel[kHeight],
          shape.kernel[kWidth]};
}

/// Consecutive lines of output pixels in one image (and depth), and where their sums begin to read.
struct ConvKernel::Region {
  int64_t line = 0;  // of all lines of dst
  int64_t lines = 0;
  const float* a = nullptr;
};

/// The pixels of a band in tiles that never cross the end of a line.
class ConvKernel::BandRows {
 public:
  BandRows(const ConvKernel& conv, int height)
      : width_(conv.shape_.out[kWidth]),
        tiles_per_line_(ceil_div(width_, height)),
        pixel_step_(conv.shape_.strides[kWidth] * conv.pixel_),
        line_step_(conv.shape_.strides[kHeight] * conv.row_) {}

  void clear() { count_ = lines_ = 0; }
  void add(const Region& region) {
    regions_[static_cast<std::size_t>(count_++)] = region;
    lines_ += region.lines;
  }

  int64_t count() const { return lines_ * tiles_per_line_; }

  template <typename F>
  void for_each(const F& f) const {
    for (int64_t i = 0; i < count_; ++i) {
      const Region& region = regions_[static_cast<std::size_t>(i)];
      const float* a = region.a;
      for (int64_t line = 0; line < region.lines; ++line, a += line_step_) {
        for (int64_t tile = 0; tile < tiles_per_line_; ++tile) {
          const Span1 pixels = even_part(width_, tiles_per_line_, tile);
          f(RowTile{a + pixels.begin * pixel_step_, (region.line + line) * width_ + pixels.begin,
                    static_cast<int>(pixels.count)});
        }
      }
    }
  }

 private:
  int64_t width_, tiles_per_line_, pixel_step_, line_step_;
  std::array<Region, kMostRegions> regions_;
  int64_t count_ = 0, lines_ = 0;
};

ConvKernel::ConvKernel(TileSetPtr tiles, const ConvShape& shape)
    : tiles_(std::move(tiles)),
      epilogue_(tiles_->desc().epilogue),
      shape_(shape),
      packed_(packed_weights(shape)),
      oc_per_group_(packed_.oc_per_group),
      ic_per_group_(packed_.ic_per_group),
      gemm_(tiles_),
      copies_(reads_padding()) {
  choose_bands();
  pixel_ = copies_ ? ic_per_group_ : shape.src_pixel_stride;
  row_ = pixel_ * (copies_ ? copied_[kWidth] : shape.in[kWidth]);
  slice_ = row_ * (copies_ ? copied_[kHeight] : shape.in[kHeight]);
  place_taps(pixel_ == ic_per_group_ && shape.dilations[kWidth] == 1);
}

bool ConvKernel::is_gemm() const {
  for (std::size_t d = 0; d < 3; ++d)
    if (shape_.kernel[d] != 1 || shape_.strides[d] != 1 || shape_.pads_begin[d] != 0 || shape_.in[d] != shape_.out[d])
      return false;
  return true;
}

bool ConvKernel::reads_padding() const {
  for (std::size_t d = 0; d < 3; ++d) {
    const int64_t last = (shape_.out[d] - 1) * shape_.strides[d] + (shape_.kernel[d] - 1) * shape_.dilations[d];
    if (shape_.pads_begin[d] != 0 || last >= shape_.in[d]) return true;
  }
  return false;
}

/// One tap per kernel position; one per kernel row where the pixels of a row are one run of elements.
void ConvKernel::place_taps(bool contiguous_pixels) {
  const auto& kernel = shape_.kernel;
  for (int64_t d = 0; d < kernel[kDepth]; ++d) {
    for (int64_t h = 0; h < kernel[kHeight]; ++h) {
      const int64_t row = d * shape_.dilations[kDepth] * slice_ + h * shape_.dilations[kHeight] * row_;
      for (int64_t w = 0; w < (contiguous_pixels ? 1 : kernel[kWidth]); ++w)
        tap_offsets_.push_back((row + w * shape_.dilations[kWidth] * pixel_) * kElementBytes);
    }
  }
  tap_k_ = ic_per_group_ * (contiguous_pixels ? kernel[kWidth] : 1);
}

void ConvKernel::choose_bands() {
  const int64_t weight_bytes = packed_.block().bytes();
  const int64_t budget = weight_bytes <= kStationaryWeightBytes ? kBandBytes : kLargeBandBytes;
  const auto extent = [&](int dim, int64_t outputs) {
    return (outputs - 1) * shape_.strides[dim] + (shape_.kernel[dim] - 1) * shape_.dilations[dim] + 1;
  };
  const int64_t out_lines = std::max<int64_t>(shape_.out[kHeight], 1);
  const int64_t width = std::max<int64_t>(shape_.out[kWidth], 1);
  copied_[kWidth] = extent(kWidth, width);
  copied_[kDepth] = (shape_.kernel[kDepth] - 1) * shape_.dilations[kDepth] + 1;
  const int64_t row_bytes = copied_[kDepth] * copied_[kWidth] * ic_per_group_ * kElementBytes;

  int64_t rows = kLargeBandBytes;  // of C
  if (TileLoop::needs_chunks({nullptr, 1, packed_.block().taps * packed_.block().k})) rows = kPartialRows;
  const int64_t most_lines = std::max<int64_t>(1, rows / width);
  // (lines - 1) * stride + extent(1) rows of the source are at hand for so many lines.
  const int64_t spare_rows = budget / std::max<int64_t>(row_bytes, 1) - extent(kHeight, 1);
  const int64_t fitting = std::min(most_lines, 1 + std::max<int64_t>(spare_rows, 0) / shape_.strides[kHeight]);
  lines_per_region_ = ceil_div(out_lines, ceil_div(out_lines, std::min(fitting, out_lines)));
  copied_[kHeight] = extent(kHeight, lines_per_region_);
  if (lines_per_region_ == out_lines) {
    const int64_t by_bytes = budget / std::max<int64_t>(copied_[kHeight] * row_bytes, 1);
    regions_per_band_ = std::clamp<int64_t>(std::min(by_bytes, most_lines / lines_per_region_), 1, kMostRegions);
  }
}

int64_t ConvKernel::blocks(int workers) const {
  if (shape_.groups >= workers) return worthwhile_blocks(shape_.out_pixels(), shape_.oc, depth().total(), 1, workers);
  const int64_t units = is_gemm() ? shape_.out_pixels() : lines();
  const int64_t per_group = worthwhile_blocks(shape_.out_pixels(), oc_per_group_, depth().total(), units, workers);
  return shape_.groups * per_group;
}

std::size_t ConvKernel::scratch_bytes() const {
  const auto partial = TileLoop::partial_bytes(depth(), kPartialRows);
  if (is_gemm() || !copies_) return partial;
  const int64_t region = copied_[kDepth] * slice_ * kElementBytes;
  return partial + static_cast<std::size_t>(region * regions_per_band_);
}

void ConvKernel::run(const ConvArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const {
  if (blocks <= shape_.groups) {
    const Span1 groups = even_part(shape_.groups, blocks, block);
    for (int64_t i = 0; i < groups.count; ++i) run_group(args, groups.begin + i, 0, 1, scratch);
    return;
  }
  const int64_t per_group = blocks / shape_.groups;
  if (block / per_group < shape_.groups) run_group(args, block / per_group, block % per_group, per_group, scratch);
}

void ConvKernel::run_group(const ConvArgs& args, int64_t group, int64_t block, int64_t blocks,
                           std::byte* scratch) const {
  const int64_t pixels = shape_.out_pixels();
  if (is_gemm()) {
    const GemmArgs gemm{args.src + group * ic_per_group_,
                        shape_.src_pixel_stride,
                        args.weights + group * packed_.block().bytes() / kElementBytes,
                        args.dst + group * oc_per_group_,
                        shape_.dst_pixel_stride,
                        epilogue_.shifted(args.epilogue, group * oc_per_group_)};
    gemm_.run({pixels, oc_per_group_, ic_per_group_}, gemm, block, blocks, scratch);
    return;
  }
  const BlockGrid grid = best_grid(pixels, oc_per_group_, depth().total(), lines(), blocks);
  run_lines(args, group, even_part(lines(), grid.rows, block / grid.panels),
            even_part(packed_.block().panels(), grid.panels, block % grid.panels), scratch);
}

void ConvKernel::run_lines(const ConvArgs& args, int64_t group, Span1 lines, Span1 panels, std::byte* scratch) const {
  if (lines.count == 0 || panels.count == 0 || shape_.out[kWidth] == 0) return;
  float* const partial = reinterpret_cast<float*>(scratch);
  float* const copies = reinterpret_cast<float*>(scratch + TileLoop::partial_bytes(depth(), kPartialRows));
  const int64_t region_elements = copied_[kDepth] * slice_;

  const int width = TileLoop::width_for(tiles_->heights(), shape_.out[kWidth]);
  const EpilogueArgs epilogue = epilogue_.shifted(args.epilogue, group * oc_per_group_);
  TileLoop loop(*tiles_, epilogue_, epilogue, depth(), shape_.strides[kWidth] * pixel_ * kElementBytes,
                args.weights + group * packed_.block().bytes() / kElementBytes, oc_per_group_,
                args.dst + group * oc_per_group_, shape_.dst_pixel_stride, width, partial);

  BandRows band(*this, tiles_->heights().of(width));
  const int64_t end = lines.begin + lines.count;
  for (int64_t line = lines.begin; line < end;) {
    band.clear();
    for (int64_t i = 0; i < regions_per_band_ && line < end; ++i) {
      const int64_t to_slice_end = shape_.out[kHeight] - line % shape_.out[kHeight];
      Region region{line, std::min({lines_per_region_, to_slice_end, end - line}), nullptr};
      if (copies_) {
        float* const copy = copies + i * region_elements;
        copy_region(args, group, region, copy);
        region.a = copy;
      } else {
        region.a = source_of_line(args, group, line);
      }
      band.add(region);
      line += region.lines;
    }
    loop.run(band, panels);
  }
}

/// Where the sums of a line's first pixel begin to read, if there is no padding.
const float* ConvKernel::source_of_line(const ConvArgs& args, int64_t group, int64_t line) const {
  const int64_t y = line % shape_.out[kHeight], slice = line / shape_.out[kHeight];
  const int64_t z = slice % shape_.out[kDepth], image = slice / shape_.out[kDepth];
  const int64_t first_slice = image * shape_.in[kDepth] + z * shape_.strides[kDepth];
  return args.src + first_slice * slice_ + y * shape_.strides[kHeight] * row_ + group * ic_per_group_;
}

void ConvKernel::copy_region(const ConvArgs& args, int64_t group, const Region& region, float* to) const {
  const auto& in = shape_.in;
  const int64_t y = region.line % shape_.out[kHeight], slice = region.line / shape_.out[kHeight];
  const int64_t z = slice % shape_.out[kDepth], image = slice / shape_.out[kDepth];
  const int64_t first_z = z * shape_.strides[kDepth] - shape_.pads_begin[kDepth];
  const int64_t first_y = y * shape_.strides[kHeight] - shape_.pads_begin[kHeight];
  const int64_t rows =
      (region.lines - 1) * shape_.strides[kHeight] + (shape_.kernel[kHeight] - 1) * shape_.dilations[kHeight] + 1;

  const int64_t left = std::clamp<int64_t>(shape_.pads_begin[kWidth], 0, copied_[kWidth]);
  const int64_t skipped = std::max<int64_t>(-shape_.pads_begin[kWidth], 0);  // a negative padding crops
  const int64_t middle = std::clamp<int64_t>(in[kWidth] - skipped, 0, copied_[kWidth] - left);
  const int64_t right = copied_[kWidth] - left - middle;
  const auto zero = [](float* at, int64_t count) {
    std::memset(at, 0, static_cast<std::size_t>(count * kElementBytes));
  };
  const auto copy = [](float* at, const float* from, int64_t count) {
    std::memcpy(at, from, static_cast<std::size_t>(count * kElementBytes));
  };

  for (int64_t d = 0; d < copied_[kDepth]; ++d) {
    float* row = to + d * slice_;
    for (int64_t h = 0; h < rows; ++h, row += row_) {
      const int64_t source_z = first_z + d, source_y = first_y + h;
      if (source_z < 0 || source_z >= in[kDepth] || source_y < 0 || source_y >= in[kHeight]) {
        zero(row, row_);
        continue;
      }
      const int64_t first_pixel = ((image * in[kDepth] + source_z) * in[kHeight] + source_y) * in[kWidth] + skipped;
      const float* const from = args.src + first_pixel * shape_.src_pixel_stride + group * ic_per_group_;
      zero(row, left * pixel_);
      if (shape_.src_pixel_stride == pixel_) {
        copy(row + left * pixel_, from, middle * pixel_);
      } else {
        for (int64_t x = 0; x < middle; ++x)
          copy(row + (left + x) * pixel_, from + x * shape_.src_pixel_stride, pixel_);
      }
      zero(row + (left + middle) * pixel_, right * pixel_);
    }
  }
}

}  // namespace tegula::kernels
