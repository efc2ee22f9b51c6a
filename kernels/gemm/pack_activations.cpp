#include "kernels/gemm/pack_activations.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/copy/transpose_block.h"
#include "kernels/gemm/tile.h"

namespace tegula::kernels {
namespace {

const std::byte* at(const void* base, int64_t bytes) {
  return static_cast<const std::byte*>(base) + bytes;
}

/// Four rows of 16 bytes to 16 columns of four bytes.
void interleave_bytes(const std::byte* from, int64_t row_bytes, std::byte* to) {
  const auto load = [&](int row) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + row * row_bytes)); };
  const __m128i rows[4] = {load(0), load(1), load(2), load(3)};
  const __m128i low[2] = {_mm_unpacklo_epi8(rows[0], rows[1]), _mm_unpacklo_epi8(rows[2], rows[3])};
  const __m128i high[2] = {_mm_unpackhi_epi8(rows[0], rows[1]), _mm_unpackhi_epi8(rows[2], rows[3])};
  auto* const out = reinterpret_cast<__m128i*>(to);
  _mm_storeu_si128(out, _mm_unpacklo_epi16(low[0], low[1]));
  _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(low[0], low[1]));
  _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(high[0], high[1]));
  _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(high[0], high[1]));
}

/// Two rows of 16 words to 16 columns of two words.
void interleave_words(const std::byte* from, int64_t row_bytes, std::byte* to) {
  auto* const out = reinterpret_cast<__m128i*>(to);
  for (int half = 0; half < 2; ++half) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + half);
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + row_bytes) + half);
    _mm_storeu_si128(out + 2 * half, _mm_unpacklo_epi16(first, second));
    _mm_storeu_si128(out + 2 * half + 1, _mm_unpackhi_epi16(first, second));
  }
}

/// One panel of `columns` columns, whose other elements are zero already.
class PanelPacker {
 public:
  PanelPacker(const PackedMatrix& to, int64_t k_stride, int64_t n_stride)
      : k_(to.k),
        group_(to.group()),
        bytes_(to.element_bytes()),
        k_bytes_(k_stride * bytes_),
        n_bytes_(n_stride * bytes_) {}

  void pack(const std::byte* b, int64_t columns, std::byte* panel) const {
    int64_t done = 0;  // of k
    if (n_bytes_ == bytes_ && (group_ == 1 || columns == kPanelColumns)) {
      done = k_ / group_ * group_;
      for (int64_t k = 0; k < done; k += group_)
        interleave(b + k * k_bytes_, columns, panel + k / group_ * kPanelRowBytes);
    } else if (k_bytes_ == bytes_) {
      done = k_ / group_ * group_;
      transpose_block(static_cast<int>(kGroupBytes), b, n_bytes_, panel, kPanelRowBytes, k_ / group_, columns);
    }
    for (int64_t k = done; k < k_; ++k)
      for (int64_t j = 0; j < columns; ++j)
        std::memcpy(panel + k / group_ * kPanelRowBytes + (j * group_ + k % group_) * bytes_,
                    b + k * k_bytes_ + j * n_bytes_, static_cast<std::size_t>(bytes_));
  }

 private:
  void interleave(const std::byte* from, int64_t columns, std::byte* row) const {
    if (group_ == 1) std::memcpy(row, from, static_cast<std::size_t>(columns * bytes_));
    if (group_ == 2) interleave_words(from, k_bytes_, row);
    if (group_ == 4) interleave_bytes(from, k_bytes_, row);
  }

  int64_t k_, group_, bytes_, k_bytes_, n_bytes_;
};

}  // namespace

void pack_activations(const PackedMatrix& to, const void* b, int64_t k_stride, int64_t n_stride, void* packed) {
  const PanelPacker packer(to, k_stride, n_stride);
  auto* panel = static_cast<std::byte*>(packed);
  for (int64_t column = 0; column < to.n; column += kPanelColumns, panel += to.panel_bytes()) {
    const int64_t columns = std::min(kPanelColumns, to.n - column);
    const int64_t whole_rows = columns == kPanelColumns ? to.k / to.group() : 0;
    std::memset(panel + whole_rows * kPanelRowBytes, 0,
                static_cast<std::size_t>(to.panel_bytes() - whole_rows * kPanelRowBytes));
    packer.pack(at(b, column * n_stride * to.element_bytes()), columns, panel);
  }
}

namespace {

constexpr int kVectors = static_cast<int>(kPanelRowBytes / 16);

/// 0x80 where a row of a panel has elements: of `columns` columns, `depth` consecutive k of each.
struct SignBits {
  __m128i bits[kVectors];

  SignBits(int64_t columns, int64_t depth) {
    alignas(16) uint8_t bytes[kPanelRowBytes] = {};
    for (int64_t j = 0; j < columns; ++j) std::fill_n(bytes + j * 4, depth, uint8_t{0x80});
    for (int v = 0; v < kVectors; ++v) bits[v] = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes) + v);
  }
};

/// Sums of u8 over the rows of a panel: per vector, two partial sums for each of its four columns.
class ColumnSums {
 public:
  void add(int vector, __m128i bytes) {
    const __m128i zero = _mm_setzero_si128(), ones = _mm_set1_epi16(1);
    low_[vector] = _mm_add_epi32(low_[vector], _mm_madd_epi16(_mm_unpacklo_epi8(bytes, zero), ones));
    high_[vector] = _mm_add_epi32(high_[vector], _mm_madd_epi16(_mm_unpackhi_epi8(bytes, zero), ones));
  }
  /// Less 128 for each of `depth` elements.
  void store(int64_t depth, int32_t* sums) const {
    alignas(16) int32_t parts[2 * 4];
    for (int v = 0; v < kVectors; ++v) {
      _mm_store_si128(reinterpret_cast<__m128i*>(parts), low_[v]);
      _mm_store_si128(reinterpret_cast<__m128i*>(parts) + 1, high_[v]);
      for (int j = 0; j < 4; ++j) sums[v * 4 + j] = parts[2 * j] + parts[2 * j + 1] - 128 * static_cast<int32_t>(depth);
    }
  }

 private:
  __m128i low_[kVectors] = {}, high_[kVectors] = {};
};

}  // namespace

void pack_unsigned_activations(const PackedMatrix& to, const void* b, int64_t k_stride, int64_t n_stride, void* packed,
                               int32_t* sums) {
  pack_activations(to, b, k_stride, n_stride, packed);
  auto* panel = static_cast<std::byte*>(packed);
  for (int64_t column = 0; column < to.n; column += kPanelColumns, panel += to.panel_bytes()) {
    const int64_t columns = std::min(kPanelColumns, to.n - column);
    const SignBits whole(columns, to.group()), last(columns, to.k % to.group());
    ColumnSums of_panel;
    for (int64_t k = 0; k < to.k; k += to.group()) {
      auto* const row = reinterpret_cast<__m128i*>(panel + k / to.group() * kPanelRowBytes);
      const SignBits& flips = k + to.group() <= to.k ? whole : last;
      for (int v = 0; v < kVectors; ++v) {
        const __m128i bytes = _mm_loadu_si128(row + v);
        if (sums != nullptr) of_panel.add(v, bytes);
        _mm_storeu_si128(row + v, _mm_xor_si128(bytes, flips.bits[v]));
      }
    }
    if (sums != nullptr) of_panel.store(to.k, sums + column);
  }
}

void pack_rows(int64_t element_bytes, const void* a, int64_t m_stride, int64_t k_stride, int64_t m, int64_t k,
               void* rows) {
  auto* const to = static_cast<std::byte*>(rows);
  if (m_stride == 1) {
    transpose_block(static_cast<int>(element_bytes), at(a, 0), k_stride * element_bytes, to, k * element_bytes, m, k);
    return;
  }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < k; ++j)
      std::memcpy(to + (i * k + j) * element_bytes, at(a, (i * m_stride + j * k_stride) * element_bytes),
                  static_cast<std::size_t>(element_bytes));
}

}  // namespace tegula::kernels
