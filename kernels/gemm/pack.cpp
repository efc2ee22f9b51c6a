#include "kernels/gemm/pack.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include "schema/base/check.h"

namespace tegula::kernels {
namespace {

std::optional<int64_t> checked_product(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t factor : factors)
    if (factor < 0 || __builtin_mul_overflow(product, factor, &product)) return std::nullopt;
  return product;
}

/// Copies the elements [taps][k][n] that `extent` names to the place that starts at row k0, column n0 of the packed
/// matrix; the rest of `dst` is left as it is.
template <typename T>
void copy_elements(const PackedMatrix& to, const PackedMatrix& extent, int64_t k0, int64_t n0,
                   const MatrixStrides& from, const T* src, T* dst) {
  if (extent.k == 0) return;
  const int64_t group = to.group();
  const int64_t row_elements = kPanelColumns * group;
  const int64_t tap_elements = to.rows_per_tap() * row_elements;
  const int64_t panel_elements = to.taps * tap_elements;
  // Panel by panel, row by row: writes are in order, and reads follow 16 columns at once, so that no line of a large
  // source is fetched more than once.
  for (int64_t column = 0; column < extent.n;) {
    const int64_t n = n0 + column;
    const int64_t columns = std::min(extent.n - column, kPanelColumns - n % kPanelColumns);
    T* const panel = dst + n / kPanelColumns * panel_elements + n % kPanelColumns * group;
    for (int64_t tap = 0; tap < extent.taps; ++tap) {
      const T* const run = src + tap * from.tap + column * from.n;
      T* const rows = panel + tap * tap_elements;
      for (int64_t i = 0; i < extent.k; ++i) {
        const int64_t k = k0 + i;
        T* const row = rows + k / group * row_elements + k % group;
        const T* const elements = run + i * from.k;
        for (int64_t c = 0; c < columns; ++c) row[c * group] = elements[c * from.n];
      }
    }
    column += columns;
  }
}

template <typename T>
void pack_elements(const PackedMatrix& to, const MatrixStrides& from, const void* src, void* dst) {
  std::fill_n(static_cast<std::byte*>(dst), to.bytes(), std::byte{0});  // also of nothing at all
  copy_elements(to, to, 0, 0, from, static_cast<const T*>(src), static_cast<T*>(dst));
}

/// K of a block is (kernel row, kernel column, channel); a run is one kernel position, or one kernel row with
/// row_taps().
template <typename T>
void pack_conv_elements(const PackedConv& to, const void* src, void* dst) {
  const PackedMatrix block = to.block();
  std::fill_n(static_cast<std::byte*>(dst), to.bytes(), std::byte{0});  // also of nothing at all
  const int64_t positions = to.kernel_d * to.kernel_h * to.kernel_w;
  const int64_t filter = to.ic_per_group * positions;
  PackedMatrix extent = block;
  extent.k = to.ic_per_group;
  extent.n = to.oc_per_group;
  for (int64_t g = 0; g < to.groups; ++g) {
    const int64_t within = g % to.groups_per_block;
    const T* const group_src = static_cast<const T*>(src) + g * to.oc_per_group * filter;
    T* const block_dst = static_cast<T*>(dst) + g / to.groups_per_block * (block.bytes() / block.element_bytes());
    const int64_t n0 = within * to.oc_per_group;
    if (!to.row_taps()) {
      copy_elements(block, extent, within * to.ic_per_group, n0, {1, positions, filter}, group_src, block_dst);
      continue;
    }
    for (int64_t x = 0; x < to.kernel_w; ++x)
      copy_elements(block, extent, x * to.ic_per_group, n0, {to.kernel_w, positions, filter}, group_src + x, block_dst);
  }
}

template <typename T>
void pack_depthwise_elements(const PackedDepthwise& to, const void* src, void* dst) {
  std::fill_n(static_cast<std::byte*>(dst), to.bytes(), std::byte{0});  // also of nothing at all
  const T* const from = static_cast<const T*>(src);
  T* const packed = static_cast<T*>(dst);
  for (int64_t c = 0; c < to.channels; ++c)
    for (int64_t tap = 0; tap < to.taps; ++tap)
      packed[(c / kPanelColumns * to.taps + tap) * kPanelColumns + c % kPanelColumns] = from[c * to.taps + tap];
}

}  // namespace

int64_t PackedMatrix::rows_per_tap() const {
  return stored_k_groups(packing, k / group() + (k % group() != 0));
}

std::optional<int64_t> PackedMatrix::checked_bytes() const {
  if (k < 0 || n < 0 || taps < 0) return std::nullopt;
  constexpr int64_t kLargest = int64_t{1} << 56;  // keeps the padding below from overflowing
  if (k > kLargest || n > kLargest) return std::nullopt;
  return checked_product({panels(), taps, rows_per_tap(), kPanelRowBytes});
}

void pack_matrix(const PackedMatrix& to, const MatrixStrides& from, const void* src, void* dst) {
  switch (to.packing) {
    case Packing::kN16K1: return pack_elements<float>(to, from, src, dst);
    case Packing::kN16K2: return pack_elements<uint16_t>(to, from, src, dst);
    case Packing::kN16K4: return pack_elements<uint8_t>(to, from, src, dst);
    default: TEGULA_CHECK(false, "not a packing of panels");
  }
}

PackedMatrix PackedConv::block() const {
  PackedMatrix matrix;
  matrix.packing = packing;
  matrix.taps = kernel_d * kernel_h * (row_taps() ? 1 : kernel_w);
  matrix.k = groups_per_block * ic_per_group * (row_taps() ? kernel_w : 1);
  matrix.n = groups_per_block * oc_per_group;
  return matrix;
}

std::optional<int64_t> PackedConv::checked_bytes() const {
  if (groups < 1 || groups_per_block < 1 || groups % groups_per_block != 0) return std::nullopt;
  if (!checked_product({groups, oc_per_group, ic_per_group, kernel_d, kernel_h, kernel_w})) return std::nullopt;
  if (!checked_product({groups_per_block, ic_per_group, kernel_w})) return std::nullopt;
  const std::optional<int64_t> one = block().checked_bytes();
  return one ? checked_product({blocks(), *one}) : std::nullopt;
}

void pack_conv(const PackedConv& to, const void* src, void* dst) {
  TEGULA_CHECK(to.groups % to.groups_per_block == 0, "blocks hold equally many groups");
  switch (to.packing) {
    case Packing::kN16K1: return pack_conv_elements<float>(to, src, dst);
    case Packing::kN16K2: return pack_conv_elements<uint16_t>(to, src, dst);
    case Packing::kN16K4: return pack_conv_elements<uint8_t>(to, src, dst);
    default: TEGULA_CHECK(false, "not a packing of panels");
  }
}

std::optional<int64_t> PackedDepthwise::checked_bytes() const {
  constexpr int64_t kLargest = int64_t{1} << 56;
  if (channels < 0 || channels > kLargest) return std::nullopt;
  return checked_product({blocks(), taps, kPanelColumns, element_bytes});
}

void pack_depthwise(const PackedDepthwise& to, const void* src, void* dst) {
  switch (to.element_bytes) {
    case 4: return pack_depthwise_elements<float>(to, src, dst);
    case 2: return pack_depthwise_elements<uint16_t>(to, src, dst);
    case 1: return pack_depthwise_elements<uint8_t>(to, src, dst);
    default: TEGULA_CHECK(false, "elements have 1, 2 or 4 bytes");
  }
}

}  // namespace tegula::kernels
