#include "kernels/conv/conv.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/conv/band_rows.h"
#include "kernels/gemm/block_grid.h"
#include "kernels/gemm/tile_loop.h"

namespace tegula::kernels {
namespace {

constexpr int kDepth = 0, kHeight = 1, kWidth = 2;

/// Source that is worked on at once, beside weights that stay in L2 (1 MiB on the machine of these measurements) ...
constexpr int64_t kBandBytes = 256 << 10;
/// ... and while larger weights pass: as much as fits beside two tiles of panels, so that they pass rarely.
constexpr int64_t kLargeBandBytes = 640 << 10;
constexpr int64_t kStationaryWeightBytes = 384 << 10;
/// What a tile's pass over two panels costs beside its products, in rows: a step loads 2 KiB of B, which takes about as
/// long from L2 as the products of 24 rows.
constexpr int64_t kPassCost = 12;
/// Of a convolution without padding whose source is copied so that tiles cross lines, beside one that is not.
constexpr double kCopyCost = 1.25;
}  // namespace

PackedConv packed_weights(const ConvShape& shape, Packing packing) {
  return {packing,
          shape.groups,
          shape.groups_per_block,
          shape.oc / shape.groups,
          shape.ic / shape.groups,
          shape.kernel[kDepth],
          shape.kernel[kHeight],
          shape.kernel[kWidth]};
}

ConvKernel::ConvKernel(TileSetPtr tiles, const ConvShape& shape)
    : tiles_(std::move(tiles)),
      epilogue_(tiles_->desc().epilogue),
      shape_(shape),
      packed_(packed_weights(shape, tiles_->desc().types.packing())),
      oc_per_group_(packed_.block().n),
      ic_per_group_(packed_.groups_per_block * packed_.ic_per_group),
      gemm_(tiles_),
      src_bytes_(tiles_->desc().types.src_bytes()),
      windows_(one_run_per_row() && shape.dilations[kWidth] != 1 && shape.kernel[kWidth] > 1),
      copies_(reads_padding() || windows_ || (one_run_per_row() && shape.src_pixel_stride != shape.ic)) {
  shape_.groups = packed_.blocks();
  if (tiles_->skips_rows() && !is_gemm()) cross_lines();
  choose_bands();
  pixel_ = (copies_ ? ic_per_group_ : shape.src_pixel_stride) * src_bytes_;
  row_ = pixel_ * (copies_ ? copied_[kWidth] : shape.in[kWidth]);
  plane_ = row_ * (copies_ ? ceil_div(copied_[kHeight], planes_) : shape.in[kHeight]);
  slice_ = plane_ * planes_;
  step_ = pixel_ * (windows_ ? shape.kernel[kWidth] : read_stride(kWidth));
  line_step_ = row_ * (read_stride(kHeight) / planes_);
  place_taps();
}

/// Whether tiles run across the ends of lines, and what has to be copied for it. In a copy, lines that are read
/// `stride` rows apart lie in as many planes, so that in each of them they follow one another; and of a kernel of one
/// row (or column) only what it reads is copied.
void ConvKernel::cross_lines() {
  const int64_t width = shape_.out[kWidth], lines = shape_.out[kHeight], height = tiles_->heights().of(1);
  if (width == 0 || lines <= 1) return;
  // Of so many rows in so many tiles: each passes over the weights, which costs as much as some rows.
  const auto cost_of = [&](int64_t rows, int64_t tiles) { return static_cast<double>(rows + kPassCost * tiles); };
  const auto crossing_cost = [&](int64_t pitch) {
    const int64_t rows = LineGrid{width, pitch}.rows(lines);
    return cost_of(rows, ceil_div(rows, height));
  };
  const auto& strides = shape_.strides;
  double least = cost_of(lines * width, lines * ceil_div(width, height));
  if (!copies_ && strides[kHeight] * shape_.in[kWidth] % strides[kWidth] == 0) {
    const double cost = crossing_cost(strides[kHeight] * shape_.in[kWidth] / strides[kWidth]);
    crosses_lines_ = cost < least;
    least = std::min(least, cost);
  }
  std::array<int64_t, 3> copy_strides{1, 1, 1};
  for (const int d : {kHeight, kWidth})
    if (shape_.kernel[static_cast<std::size_t>(d)] == 1)
      copy_strides[static_cast<std::size_t>(d)] = strides[static_cast<std::size_t>(d)];
  const int64_t read = strides[kWidth] / copy_strides[kWidth];
  const int64_t extent = (width - 1) * read + (shape_.kernel[kWidth] - 1) * shape_.dilations[kWidth] + 1;
  if (crossing_cost(windows_ ? width : ceil_div(extent, read)) * (copies_ ? 1 : kCopyCost) >= least) return;
  crosses_lines_ = copies_ = true;
  copy_strides_ = copy_strides;
  planes_ = read_stride(kHeight);
}

/// Whether the weights have one tap per kernel row, so that its pixels must lie side by side. fp32 weights do not care.
bool ConvKernel::one_run_per_row() const {
  return packed_.packing != Packing::kN16K1 && packed_.row_taps();
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

/// Whether sums may leave out what lies outside of the source: integers with a zero point of 0 are the same without it.
/// Sums of bf16 are only promised where they are fp32 sums of widened operands, and there +0 decides about signs of
/// zeros.
bool ConvKernel::padding_adds_nothing(const ConvArgs& args) const {
  if (tiles_->desc().types.integer()) return args.image_padding == nullptr && args.padding == 0;
  return tiles_->desc().isa == TileIsa::kAvx512Bf16 || tiles_->desc().isa == TileIsa::kAmxBf16;
}

/// The taps of those rows of the kernel that meet the source at an output line; of a kernel with slices all.
Span1 ConvKernel::taps_inside(int64_t line) const {
  const auto taps = static_cast<int64_t>(tap_offsets_.size());
  if (shape_.kernel[kDepth] != 1) return {0, taps};
  const int64_t rows = shape_.kernel[kHeight], dilation = shape_.dilations[kHeight];
  const int64_t first = line % shape_.out[kHeight] * shape_.strides[kHeight] - shape_.pads_begin[kHeight];
  const int64_t begin = std::min(ceil_div(std::max<int64_t>(-first, 0), dilation), rows);
  const int64_t end = std::clamp(ceil_div(std::max<int64_t>(shape_.in[kHeight] - first, 0), dilation), begin, rows);
  return {begin * (taps / rows), (end - begin) * (taps / rows)};
}

/// One tap per kernel position; one per kernel row where the pixels of a row are one run of elements, and their weights
/// too: without zeros in between.
void ConvKernel::place_taps() {
  const auto& kernel = shape_.kernel;
  const PackedMatrix block = packed_.block();
  const bool runs = pixel_ == ic_per_group_ * src_bytes_ && shape_.dilations[kWidth] == 1 &&
                    block.rows_per_tap() * block.group() == block.k;
  const bool one_per_row = runs || one_run_per_row();
  for (int64_t d = 0; d < kernel[kDepth]; ++d) {
    for (int64_t h = 0; h < kernel[kHeight]; ++h) {
      const int64_t row = d * shape_.dilations[kDepth] * slice_ + row_offset(h * shape_.dilations[kHeight]);
      for (int64_t w = 0; w < (one_per_row ? 1 : kernel[kWidth]); ++w)
        tap_offsets_.push_back(row + w * shape_.dilations[kWidth] * pixel_);
    }
  }
  tap_k_ = ic_per_group_ * (one_per_row ? kernel[kWidth] : 1);
  const int64_t line_rows = block.rows_per_tap() * (packed_.row_taps() ? 1 : kernel[kWidth]);
  tap_rows_ = one_per_row ? line_rows : line_rows / kernel[kWidth];
}

void ConvKernel::choose_bands() {
  const int64_t weight_bytes = packed_.block().bytes();
  const int64_t budget = weight_bytes <= kStationaryWeightBytes ? kBandBytes : kLargeBandBytes;
  const auto extent = [&](int dim, int64_t outputs) {
    const auto d = static_cast<std::size_t>(dim);
    return (outputs - 1) * read_stride(dim) + (shape_.kernel[d] - 1) * shape_.dilations[d] + 1;
  };
  const int64_t out_lines = std::max<int64_t>(shape_.out[kHeight], 1);
  const int64_t width = std::max<int64_t>(shape_.out[kWidth], 1);
  copied_[kWidth] = windows_ ? width * shape_.kernel[kWidth] : extent(kWidth, width);
  if (crosses_lines_ && !windows_)
    copied_[kWidth] = ceil_div(copied_[kWidth], read_stride(kWidth)) * read_stride(kWidth);
  copied_[kDepth] = (shape_.kernel[kDepth] - 1) * shape_.dilations[kDepth] + 1;
  const int64_t row_bytes = copied_[kDepth] * copied_[kWidth] * ic_per_group_ * src_bytes_;

  int64_t rows = kLargeBandBytes;  // of C
  const PackedMatrix block = packed_.block();
  if (TileLoop::keeps_rows(*tiles_, {tiles_->desc().types, nullptr, block.taps, block.k, block.rows_per_tap()}))
    rows = kKeptRows;
  const int64_t most_lines = std::max<int64_t>(1, rows / width);
  // (lines - 1) * stride + extent(1) rows of the source are at hand for so many lines.
  const int64_t spare_rows = budget / std::max<int64_t>(row_bytes, 1) - extent(kHeight, 1);
  const int64_t fitting = std::min(most_lines, 1 + std::max<int64_t>(spare_rows, 0) / read_stride(kHeight));
  lines_per_region_ = ceil_div(out_lines, ceil_div(out_lines, std::min(fitting, out_lines)));
  copied_[kHeight] = extent(kHeight, lines_per_region_);
  if (lines_per_region_ == out_lines) {
    const int64_t by_bytes = budget / std::max<int64_t>(copied_[kHeight] * row_bytes, 1);
    regions_per_band_ =
        std::clamp<int64_t>(std::min(by_bytes, most_lines / lines_per_region_), 1, ConvBand::kMostRegions);
  }
}

/// Rows of the tiles of a band, at most.
int64_t ConvKernel::band_rows() const {
  const int64_t width = shape_.out[kWidth];
  if (!crosses_lines_) return regions_per_band_ * lines_per_region_ * width;
  return regions_per_band_ * (LineGrid{width, line_step_ / step_}.rows(lines_per_region_) + kMostTileRows);
}

int64_t ConvKernel::blocks(int workers) const {
  const int64_t k = depth().taps * depth().k;
  if (shape_.groups >= workers)
    return worthwhile_blocks(tiles_->blocking(), shape_.out_pixels(), shape_.oc, k, 1, workers);
  const int64_t units = is_gemm() ? shape_.out_pixels() : lines();
  const int64_t per_group =
      worthwhile_blocks(tiles_->blocking(), shape_.out_pixels(), oc_per_group_, k, units, workers);
  return shape_.groups * per_group;
}

std::size_t ConvKernel::scratch_bytes() const {
  if (is_gemm()) return gemm_.scratch_bytes({shape_.out_pixels(), oc_per_group_, ic_per_group_});
  const std::size_t loop = TileLoop::scratch_bytes(*tiles_, depth(), band_rows());
  const int64_t copies = copies_ ? copied_[kDepth] * slice_ * regions_per_band_ : 0;
  return loop + static_cast<std::size_t>(ceil_div(copies, kPanelRowBytes) * kPanelRowBytes);
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

const std::byte* ConvKernel::group_weights(const ConvArgs& args, int64_t group) const {
  return static_cast<const std::byte*>(args.weights) + group * packed_.block().bytes();
}

std::byte* ConvKernel::group_dst(const ConvArgs& args, int64_t group) const {
  return static_cast<std::byte*>(args.dst) + group * oc_per_group_ * tiles_->desc().types.dst_bytes();
}

void ConvKernel::run_group(const ConvArgs& args, int64_t group, int64_t block, int64_t blocks,
                           std::byte* scratch) const {
  const int64_t pixels = shape_.out_pixels();
  if (is_gemm()) {
    const GemmArgs gemm{static_cast<const std::byte*>(args.src) + group * ic_per_group_ * src_bytes_,
                        shape_.src_pixel_stride,
                        group_weights(args, group),
                        group_dst(args, group),
                        shape_.dst_pixel_stride,
                        epilogue_.shifted(args.epilogue, group * oc_per_group_)};
    gemm_.run({pixels, oc_per_group_, ic_per_group_}, gemm, block, blocks, scratch);
    return;
  }
  const BlockGrid grid = best_grid(pixels, oc_per_group_, depth().taps * depth().k, lines(), blocks);
  run_lines(args, group, even_part(lines(), grid.rows, block / grid.panels),
            even_part(packed_.block().panels(), grid.panels, block % grid.panels), scratch);
}

void ConvKernel::run_lines(const ConvArgs& args, int64_t group, Span1 lines, Span1 panels, std::byte* scratch) const {
  if (lines.count == 0 || panels.count == 0 || shape_.out[kWidth] == 0) return;
  std::byte* const copies = scratch + TileLoop::scratch_bytes(*tiles_, depth(), band_rows());

  const int width = TileLoop::width_for(tiles_->heights(), crosses_lines_ ? kMostTileRows : shape_.out[kWidth]);
  const EpilogueArgs epilogue = epilogue_.shifted(args.epilogue, group * oc_per_group_);
  TileLoop loop(*tiles_, epilogue_, epilogue, depth(),
                {step_, group_weights(args, group), oc_per_group_, group_dst(args, group), shape_.dst_pixel_stride,
                 width, band_rows(), scratch});

  const bool leaves_out_padding = reads_padding() && padding_adds_nothing(args);
  const Span1 all_taps{0, static_cast<int64_t>(tap_offsets_.size())};
  const auto taps = [&](int64_t line) { return leaves_out_padding ? taps_inside(line) : all_taps; };
  ConvBand band(shape_.out[kWidth], step_, line_step_);
  const int height = tiles_->heights().of(width);
  const int64_t end = lines.begin + lines.count;
  for (int64_t line = lines.begin; line < end;) {
    band.clear();
    for (int64_t i = 0; i < regions_per_band_ && line < end; ++i) {
      const int64_t to_slice_end = shape_.out[kHeight] - line % shape_.out[kHeight];
      ConvRegion region{line, std::min({lines_per_region_, to_slice_end, end - line}), nullptr};
      if (copies_) {
        std::byte* const copy = copies + i * copied_[kDepth] * slice_;
        copy_region(args, group, region, copy);
        region.a = copy;
      } else {
        region.a = source_of_line(args, group, line);
      }
      band.add(region);
      line += region.lines;
    }
    if (crosses_lines_)
      loop.run(GridRows(band, height, taps), panels);
    else
      loop.run(LineRows(band, height, taps), panels);
  }
}

/// Where the sums of a line's first pixel begin to read, if there is no padding.
const std::byte* ConvKernel::source_of_line(const ConvArgs& args, int64_t group, int64_t line) const {
  const int64_t y = line % shape_.out[kHeight], slice = line / shape_.out[kHeight];
  const int64_t z = slice % shape_.out[kDepth], image = slice / shape_.out[kDepth];
  const int64_t first_slice = image * shape_.in[kDepth] + z * shape_.strides[kDepth];
  return static_cast<const std::byte*>(args.src) + first_slice * slice_ + y * shape_.strides[kHeight] * row_ +
         group * ic_per_group_ * src_bytes_;
}

void ConvKernel::copy_region(const ConvArgs& args, int64_t group, const ConvRegion& region, std::byte* to) const {
  const auto& in = shape_.in;
  const int64_t y = region.line % shape_.out[kHeight], slice = region.line / shape_.out[kHeight];
  const int64_t z = slice % shape_.out[kDepth], image = slice / shape_.out[kDepth];
  const uint8_t padding =
      args.image_padding != nullptr ? static_cast<uint8_t>(args.image_padding[image]) : args.padding;
  const int64_t first_z = z * shape_.strides[kDepth] - shape_.pads_begin[kDepth];
  const int64_t first_y = y * shape_.strides[kHeight] - shape_.pads_begin[kHeight];
  const int64_t rows =
      (region.lines - 1) * read_stride(kHeight) + (shape_.kernel[kHeight] - 1) * shape_.dilations[kHeight] + 1;
  const auto* const src = static_cast<const std::byte*>(args.src) + group * ic_per_group_ * src_bytes_;
  const int64_t src_row = in[kWidth] * shape_.src_pixel_stride * src_bytes_;

  for (int64_t d = 0; d < copied_[kDepth]; ++d) {
    for (int64_t h = 0; h < rows; ++h) {
      std::byte* const row = to + d * slice_ + row_offset(h);
      const int64_t source_z = first_z + d, source_y = first_y + h * copy_strides_[kHeight];
      if (source_z < 0 || source_z >= in[kDepth] || source_y < 0 || source_y >= in[kHeight]) {
        std::memset(row, padding, static_cast<std::size_t>(row_));
        continue;
      }
      const std::byte* const from = src + ((image * in[kDepth] + source_z) * in[kHeight] + source_y) * src_row;
      if (windows_)
        copy_windows(from, padding, row);
      else
        copy_pixels(from, -shape_.pads_begin[kWidth], copied_[kWidth], padding, row);
    }
  }
}

/// `count` pixels of the source's row `from`, from pixel `first` on, those that are read, with padding on either side.
void ConvKernel::copy_pixels(const std::byte* from, int64_t first, int64_t count, uint8_t padding,
                             std::byte* to) const {
  const int64_t every = copy_strides_[kWidth];
  const int64_t left = std::clamp<int64_t>(ceil_div(std::max<int64_t>(-first, 0), every), 0, count);
  const int64_t begin = first + left * every;
  const int64_t middle =
      std::clamp<int64_t>(ceil_div(std::max<int64_t>(shape_.in[kWidth] - begin, 0), every), 0, count - left);
  const int64_t source_pixel = shape_.src_pixel_stride * src_bytes_ * every;
  from += begin * shape_.src_pixel_stride * src_bytes_;
  const auto pad = [&](std::byte* at, int64_t pixels) {
    std::memset(at, padding, static_cast<std::size_t>(pixels * pixel_));
  };
  pad(to, left);
  if (source_pixel == pixel_) {
    std::memcpy(to + left * pixel_, from, static_cast<std::size_t>(middle * pixel_));
  } else {
    for (int64_t x = 0; x < middle; ++x)
      std::memcpy(to + (left + x) * pixel_, from + x * source_pixel, static_cast<std::size_t>(pixel_));
  }
  pad(to + (left + middle) * pixel_, count - left - middle);
}

/// The pixels that each output pixel of a line reads in the source's row `from`, side by side.
void ConvKernel::copy_windows(const std::byte* from, uint8_t padding, std::byte* to) const {
  for (int64_t x = 0; x < shape_.out[kWidth]; ++x) {
    for (int64_t w = 0; w < shape_.kernel[kWidth]; ++w, to += pixel_) {
      const int64_t first = x * shape_.strides[kWidth] + w * shape_.dilations[kWidth] - shape_.pads_begin[kWidth];
      copy_pixels(from, first, 1, padding, to);
    }
  }
}

}  // namespace tegula::kernels
