#include "tests/support/amx_tiles.h"

#include <immintrin.h>

#include <cstring>
#include <initializer_list>

namespace tegula::test {
namespace {

using Fault = AmxTiles::Fault;

constexpr int kPaletteSlots = 16;  // of which palette 1 uses 8

/// Flush-to-zero, denormals-are-zero, nearest even, nothing raised.
class TileArithmetic {
 public:
  TileArithmetic() : saved_(_mm_getcsr()) { _mm_setcsr(0x9FC0); }
  ~TileArithmetic() { _mm_setcsr(saved_); }
  TileArithmetic(const TileArithmetic&) = delete;
  TileArithmetic& operator=(const TileArithmetic&) = delete;

 private:
  unsigned saved_;
};

template <typename Left, typename Right>
uint32_t dot4(const std::byte* left, const std::byte* right) {
  int32_t sum = 0;  // at most 4 * 255 * 255
  for (int i = 0; i < 4; ++i)
    sum += static_cast<int32_t>(static_cast<Left>(left[i])) * static_cast<int32_t>(static_cast<Right>(right[i]));
  return static_cast<uint32_t>(sum);
}

/// to[n] += sum over k of left[k] * right[k][n], four bytes each; to and left are one row.
template <typename Left, typename Right>
void dot_row(std::byte* to, const std::byte* left, const std::byte (*right)[AmxTiles::kRowBytes], int columns,
             int depth) {
  uint32_t sums[AmxTiles::kRowBytes / 4];
  std::memcpy(sums, to, sizeof sums);
  for (int k = 0; k < depth; ++k)
    for (int n = 0; n < columns; ++n) sums[n] += dot4<Left, Right>(left + 4 * k, right[k] + 4 * n);
  std::memcpy(to, sums, sizeof sums);
}

/// Element `index` of a row of bf16.
float bf16_at(const std::byte* row, int index) {
  uint16_t high = 0;
  std::memcpy(&high, row + 2 * index, sizeof high);
  const uint32_t bits = static_cast<uint32_t>(high) << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// The same for fp32, in the instructions of the CPU so that flushing is the hardware's.
__attribute__((target("fma"))) void dot_row_bf16(std::byte* to, const std::byte* left,
                                                 const std::byte (*right)[AmxTiles::kRowBytes], int columns,
                                                 int depth) {
  constexpr int kMost = AmxTiles::kRowBytes / 4;
  float sums[kMost], even[kMost] = {}, odd[kMost] = {};
  std::memcpy(sums, to, sizeof sums);
  for (int k = 0; k < depth; ++k) {
    const __m128 left_even = _mm_set_ss(bf16_at(left, 2 * k)), left_odd = _mm_set_ss(bf16_at(left, 2 * k + 1));
    for (int n = 0; n < columns; ++n) {
      const __m128 right_even = _mm_set_ss(bf16_at(right[k], 2 * n)),
                   right_odd = _mm_set_ss(bf16_at(right[k], 2 * n + 1));
      even[n] = _mm_cvtss_f32(_mm_fmadd_ss(left_even, right_even, _mm_set_ss(even[n])));
      odd[n] = _mm_cvtss_f32(_mm_fmadd_ss(left_odd, right_odd, _mm_set_ss(odd[n])));
    }
  }
  for (int n = 0; n < columns; ++n)
    sums[n] = _mm_cvtss_f32(_mm_add_ss(_mm_set_ss(sums[n]), _mm_add_ss(_mm_set_ss(even[n]), _mm_set_ss(odd[n]))));
  std::memcpy(to, sums, sizeof sums);
}

}  // namespace

Fault AmxTiles::load_config(const void* memory) {
  jit::TilePalette next;
  std::memcpy(&next, memory, sizeof next);
  if (next.palette_id > 1) return "LDTILECFG: #GP, there is no such palette";
  if (next.palette_id == 0) {
    release();
    return nullptr;
  }
  for (const uint8_t byte : next.reserved)
    if (byte != 0) return "LDTILECFG: #GP, reserved bytes are not zero";
  for (int i = 0; i < kPaletteSlots; ++i) {
    const int rows = next.rows[i], bytes = next.row_bytes[i];
    if (i >= kTiles && (rows != 0 || bytes != 0)) return "LDTILECFG: #GP, a shape for a tile that does not exist";
    if (rows > kRows || bytes > kRowBytes) return "LDTILECFG: #GP, a tile is larger than the palette allows";
    if ((rows == 0) != (bytes == 0)) return "LDTILECFG: #GP, a tile with rows and no bytes, or the reverse";
  }
  release();
  palette_ = next;
  return nullptr;
}

Fault AmxTiles::store_config(void* memory) const {
  jit::TilePalette out = palette_;
  if (!configured()) std::memset(static_cast<void*>(&out), 0, sizeof out);
  std::memcpy(memory, &out, sizeof out);
  return nullptr;
}

Fault AmxTiles::check(int tile) const {
  if (!configured()) return "#UD, tiles are not configured";
  if (tile < 0 || tile >= kTiles || rows(tile) == 0) return "#UD, the tile is not configured";
  return nullptr;
}

void AmxTiles::finish_write(int tile) {
  for (int row = 0; row < kRows; ++row) {
    const int used = row < rows(tile) ? row_bytes(tile) : 0;
    std::memset(data_[tile][row] + used, 0, static_cast<std::size_t>(kRowBytes - used));
  }
  palette_.start_row = 0;
}

Fault AmxTiles::zero(int tile) {
  if (const Fault fault = check(tile)) return fault;
  std::memset(data_[tile], 0, sizeof data_[tile]);
  palette_.start_row = 0;
  return nullptr;
}

Fault AmxTiles::load(int tile, const std::byte* memory, int64_t stride) {
  if (const Fault fault = check(tile)) return fault;
  for (int row = palette_.start_row; row < rows(tile); ++row)
    std::memcpy(data_[tile][row], memory + row * stride, static_cast<std::size_t>(row_bytes(tile)));
  finish_write(tile);
  return nullptr;
}

Fault AmxTiles::store(int tile, std::byte* memory, int64_t stride) {
  if (const Fault fault = check(tile)) return fault;
  for (int row = palette_.start_row; row < rows(tile); ++row)
    std::memcpy(memory + row * stride, data_[tile][row], static_cast<std::size_t>(row_bytes(tile)));
  palette_.start_row = 0;
  return nullptr;
}

Fault AmxTiles::check_dot(int tile, int left, int right) const {
  for (const int named : {tile, left, right})
    if (const Fault fault = check(named)) return fault;
  if (tile == left || tile == right || left == right) return "#UD, a product of tiles names one of them twice";
  for (const int named : {tile, left, right})
    if (row_bytes(named) % 4 != 0) return "#UD, the rows of a product's tile are no multiple of 4 bytes";
  if (rows(tile) != rows(left)) return "#UD, the result and A differ in rows";
  if (row_bytes(tile) != row_bytes(right)) return "#UD, the result and B differ in columns";
  if (row_bytes(left) / 4 != rows(right)) return "#UD, A and B differ in depth";
  return nullptr;
}

Fault AmxTiles::dot_bytes(int tile, int left, int right, bool left_is_signed, bool right_is_signed) {
  if (const Fault fault = check_dot(tile, left, right)) return fault;
  const auto dot = left_is_signed ? (right_is_signed ? &dot_row<int8_t, int8_t> : &dot_row<int8_t, uint8_t>)
                                  : (right_is_signed ? &dot_row<uint8_t, int8_t> : &dot_row<uint8_t, uint8_t>);
  for (int row = 0; row < rows(tile); ++row)
    dot(data_[tile][row], data_[left][row], data_[right], row_bytes(tile) / 4, rows(right));
  finish_write(tile);
  return nullptr;
}

Fault AmxTiles::dot_bf16(int tile, int left, int right) {
  if (const Fault fault = check_dot(tile, left, right)) return fault;
  const TileArithmetic arithmetic;
  for (int row = 0; row < rows(tile); ++row)
    dot_row_bf16(data_[tile][row], data_[left][row], data_[right], row_bytes(tile) / 4, rows(right));
  finish_write(tile);
  return nullptr;
}

}  // namespace tegula::test
