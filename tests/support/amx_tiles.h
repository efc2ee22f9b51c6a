#pragma once
#include <cstddef>
#include <cstdint>

#include "jit/tile_palette.h"

namespace tegula::test {

/// The tiles of one thread and what the instructions do to them, to the bit as Intel's manual says for palette 1
/// (8 tiles of 16 rows of 64 bytes). Every function returns nullptr, or what the architecture objects to; then nothing
/// has changed. Memory is touched exactly where the instruction touches it. Safe inside a signal handler.
class AmxTiles {
 public:
  using Fault = const char*;
  static constexpr int kTiles = 8, kRows = 16, kRowBytes = 64;

  Fault load_config(const void* memory);
  Fault store_config(void* memory) const;
  void release() { *this = AmxTiles(); }

  Fault zero(int tile);
  /// Rows `stride` bytes apart.
  Fault load(int tile, const std::byte* memory, int64_t stride);
  Fault store(int tile, std::byte* memory, int64_t stride);

  /// s32 += sums of four products of bytes; wraps.
  Fault dot_bytes(int tile, int left, int right, bool left_is_signed, bool right_is_signed);
  /// fp32: even and odd elements of a row are summed by fused multiply-adds from +0, both sums are added, then that is
  /// added to the tile; subnormals count as zero and become zero; nearest even. MXCSR plays no part.
  Fault dot_bf16(int tile, int left, int right);

 private:
  bool configured() const { return palette_.palette_id != 0; }
  int rows(int tile) const { return palette_.rows[tile]; }
  int row_bytes(int tile) const { return palette_.row_bytes[tile]; }
  /// Whether the instruction may name it.
  Fault check(int tile) const;
  Fault check_dot(int tile, int left, int right) const;
  /// What every instruction that writes a tile leaves: zeros beyond its shape, start_row 0.
  void finish_write(int tile);

  jit::TilePalette palette_{.palette_id = 0};
  std::byte data_[kTiles][kRows][kRowBytes] = {};
};

}  // namespace tegula::test
