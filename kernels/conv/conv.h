#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/split.h"
#include "kernels/gemm/tile.h"

namespace tegula::kernels {

/// Sizes of one channels-last convolution. Spatial dimensions are (depth, height, width): 2-D has depth 1, 1-D
/// has depth and height 1.
///
///   dst[n, o, oc] = epilogue(sum over kernel positions p, then ic, of
///                            src[n, o * stride + p * dilation - pad, ic] * weights[p, ic, oc])
///
/// Positions outside the source take part in the sum as +0, or as ConvArgs::padding. Where that changes no bit, or
/// instructions add up in an order of their own (bf16), rows of the kernel that lie outside are left out. Nothing of
/// this shapes code.
struct ConvShape {
  int64_t batch = 0;
  int64_t ic = 0;
  int64_t oc = 0;
  std::array<int64_t, 3> in{1, 1, 1};
  std::array<int64_t, 3> out{1, 1, 1};
  std::array<int64_t, 3> kernel{1, 1, 1};
  std::array<int64_t, 3> strides{1, 1, 1};
  std::array<int64_t, 3> dilations{1, 1, 1};
  std::array<int64_t, 3> pads_begin{0, 0, 0};  ///< those at the end are implied by `out`
  int64_t groups = 1;
  int64_t src_pixel_stride = 0;  ///< elements from one pixel to the next; rows and images follow without gaps
  int64_t dst_pixel_stride = 0;  ///< likewise
  int64_t groups_per_block = 1;  ///< of the weights (PackedConv); divides groups

  int64_t out_pixels() const { return batch * out[0] * out[1] * out[2]; }
};

/// How ConvKernel wants its weights.
PackedConv packed_weights(const ConvShape& shape, Packing packing = Packing::kN16K1);

struct ConvRegion;

/// Operands of one convolution. Row r of a post-op's operand belongs to pixel r of dst.
struct ConvArgs {
  const void* src = nullptr;
  const void* weights = nullptr;           ///< as packed_weights() says, aligned to 64 bytes
  void* dst = nullptr;                     ///< between the channels of two pixels nothing is written
  EpilogueArgs epilogue;                   ///< from output channel 0 on
  uint8_t padding = 0;                     ///< what lies outside of a source of u8: its zero point
  const int32_t* image_padding = nullptr;  ///< or one for each image
};

/// One convolution with its sizes bound, of the types of its tiles; any but depthwise ones, which have depthwise.h. To
/// the bit the same for every split into blocks, and on every ISA but for bf16 (TileIsa). Immutable; blocks may run on
/// any threads at once.
class ConvKernel {
 public:
  ConvKernel(TileSetPtr tiles, const ConvShape& shape);

  /// Blocks worth making for `workers` threads; at least 1.
  int64_t blocks(int workers) const;
  /// Of one worker, aligned to 64 bytes.
  std::size_t scratch_bytes() const;
  /// Computes one of `blocks` blocks, any number of them. Allocates nothing.
  void run(const ConvArgs& args, int64_t block, int64_t blocks, std::byte* scratch) const;

  const TileSet& tiles() const { return *tiles_; }

 private:
  bool is_gemm() const;
  bool reads_padding() const;
  bool padding_adds_nothing(const ConvArgs& args) const;
  Span1 taps_inside(int64_t line) const;
  bool one_run_per_row() const;
  void place_taps();
  void cross_lines();
  void choose_bands();
  /// Rows (or columns) of the copy, or of the source where there is none, from what one output reads to the next one's.
  int64_t read_stride(int dim) const {
    const auto d = static_cast<std::size_t>(dim);
    return shape_.strides[d] / copy_strides_[d];
  }
  int64_t row_offset(int64_t row) const { return row % planes_ * plane_ + row / planes_ * row_; }

  TileDepth depth() const {
    return {tiles_->desc().types, tap_offsets_.data(), static_cast<int64_t>(tap_offsets_.size()), tap_k_, tap_rows_};
  }
  int64_t band_rows() const;
  const std::byte* group_weights(const ConvArgs& args, int64_t group) const;
  std::byte* group_dst(const ConvArgs& args, int64_t group) const;
  int64_t lines() const { return shape_.batch * shape_.out[0] * shape_.out[1]; }
  void run_group(const ConvArgs& args, int64_t group, int64_t block, int64_t blocks, std::byte* scratch) const;
  void run_lines(const ConvArgs& args, int64_t group, Span1 lines, Span1 panels, std::byte* scratch) const;
  const std::byte* source_of_line(const ConvArgs& args, int64_t group, int64_t line) const;
  void copy_region(const ConvArgs& args, int64_t group, const ConvRegion& region, std::byte* to) const;
  void copy_pixels(const std::byte* from, int64_t first, int64_t count, uint8_t padding, std::byte* to) const;
  void copy_windows(const std::byte* from, uint8_t padding, std::byte* to) const;

  TileSetPtr tiles_;
  TileEpilogue epilogue_;
  ConvShape shape_;
  PackedConv packed_;
  int64_t oc_per_group_, ic_per_group_;  // of the groups of one block
  GemmKernel gemm_;                      // of convolutions that are one
  int64_t src_bytes_;                    // of an element
  bool windows_;                // runs of K are gathered: the copy of a line holds the window of each output pixel
  bool copies_;                 // regions of the source are copied into scratch together with their padding
  bool crosses_lines_ = false;  // tiles run across the ends of lines
  std::array<int64_t, 3> copy_strides_{1, 1, 1};  // of the source, from one row or pixel that is copied to the next
  int64_t planes_ = 1;                            // of a copied slice: row r lies in plane r % planes_

  // What the taps walk over, the source or the copy of a region, in bytes: from one pixel, row, plane, slice to the
  // next, and from what one output pixel or line reads to the next one's.
  int64_t pixel_ = 0, row_ = 0, plane_ = 0, slice_ = 0, step_ = 0, line_step_ = 0;
  std::vector<int64_t> tap_offsets_;  // bytes
  int64_t tap_k_ = 0;                 // elements per tap
  int64_t tap_rows_ = 0;              // of a panel per tap

  int64_t lines_per_region_ = 1;
  int64_t regions_per_band_ = 1;
  std::array<int64_t, 3> copied_{1, 1, 1};  // slices, rows and pixels of a copied region
};

}  // namespace tegula::kernels
