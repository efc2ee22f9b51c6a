#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernels/gemm/packed_size.h"
#include "schema/file_layout.h"

namespace tegula::kernels {

/// A row of a panel, whatever the type: 16 f32, 16 pairs of bf16 or 16 quadruples of s8.
inline constexpr int64_t kPanelRowBytes = 64;

/// A weight matrix in panels of 16 columns. K is the concatenation of `taps` runs of `k` elements (one run for a gemm,
/// one per kernel position for a convolution), each padded by itself:
///
///   [n / 16, rounded up][taps][rows_per_tap()][16][group()]
///
/// Columns beyond n and elements beyond k are zero. One row of a panel is 64 bytes and holds, for each column,
/// `group()` consecutive elements of a run.
struct PackedMatrix {
  Packing packing = Packing::kN16K1;  ///< kN16K1 (4-byte elements), kN16K2 (2-byte) or kN16K4 (1-byte)
  int64_t taps = 1;
  int64_t k = 0;
  int64_t n = 0;

  constexpr int64_t group() const { return packing == Packing::kN16K4 ? 4 : packing == Packing::kN16K2 ? 2 : 1; }
  constexpr int64_t element_bytes() const { return 4 / group(); }
  constexpr int64_t panels() const { return (n + kPanelColumns - 1) / kPanelColumns; }

  /// Rows of 64 bytes per tap. n16k1: k. Otherwise the G = ceil(k / group()) groups are padded to a multiple of
  /// ceil(G / ceil(G / 16)), so that K splits into tiles of equal height, at most 16.
  int64_t rows_per_tap() const;
  int64_t panel_bytes() const { return taps * rows_per_tap() * kPanelRowBytes; }
  int64_t bytes() const { return panels() * panel_bytes(); }
  /// bytes(); nullopt when a dimension is negative or the product exceeds int64. For sizes that come from a file.
  std::optional<int64_t> checked_bytes() const;
};

/// Where element (tap, k, n) of a matrix lies before packing: src[tap * tap + k * k + n * n], in elements.
struct MatrixStrides {
  int64_t tap = 0;
  int64_t k = 0;
  int64_t n = 0;
};

/// Packs; writes all to.bytes() of `dst`.
void pack_matrix(const PackedMatrix& to, const MatrixStrides& from, const void* src, void* dst);

/// Weights of a convolution, given as ONNX has them: [groups * oc_per_group, ic_per_group, kernel_d, kernel_h,
/// kernel_w]. Packed as groups / groups_per_block matrices one after another, block(): the weights of groups_per_block
/// groups on the diagonal of one matrix, zeros elsewhere. K order is (kernel position, input channel of the block).
struct PackedConv {
  Packing packing = Packing::kN16K1;
  int64_t groups = 1;
  int64_t groups_per_block = 1;  ///< divides groups
  int64_t oc_per_group = 0;
  int64_t ic_per_group = 0;
  int64_t kernel_d = 1, kernel_h = 1, kernel_w = 1;

  /// With few input channels a tap is a whole kernel row, (kernel_w, ic) being one run: contiguous in a channels-last
  /// source without dilation. For n16k1 the packed bytes are the same either way.
  constexpr bool row_taps() const { return groups == 1 && ic_per_group <= 4; }
  constexpr int64_t blocks() const { return groups / groups_per_block; }
  PackedMatrix block() const;
  int64_t bytes() const { return blocks() * block().bytes(); }
  std::optional<int64_t> checked_bytes() const;
};

void pack_conv(const PackedConv& to, const void* src, void* dst);

/// Depthwise weights, one filter of `taps` elements per channel, [channels, taps] packed as [channels/16][taps][16]
/// with zeros beyond the last channel.
struct PackedDepthwise {
  int64_t channels = 0;
  int64_t taps = 1;
  int64_t element_bytes = 4;  ///< 4, 2 or 1

  constexpr int64_t blocks() const { return (channels + kPanelColumns - 1) / kPanelColumns; }
  int64_t bytes() const { return blocks() * taps * kPanelColumns * element_bytes; }
  std::optional<int64_t> checked_bytes() const;
};

void pack_depthwise(const PackedDepthwise& to, const void* src, void* dst);

}  // namespace tegula::kernels
