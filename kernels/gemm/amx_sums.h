#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "jit/generator.h"
#include "jit/tile_palette.h"

namespace tegula::kernels {

/// Rows of an AMX tile, of which two above each other make a tile of a product.
inline constexpr int kAmxRows = 16;
inline constexpr int kAmxRowBytes = 64;

/// Shapes of the tiles that multiply `rows` rows of A (1 to 32) by panels of B in steps of `step` rows of a panel (1 to
/// 16), for one panel or two.
jit::TilePalette amx_palette(int rows, int64_t step);

/// One call of AmxSums. Read by generated code: fields stay where they are.
struct AmxSumArgs {
  const void* a = nullptr;  ///< row 0
  const int64_t* tap_offsets = nullptr;
  int64_t taps = 1;  ///< at least 1
  int64_t lda_bytes = 0;
  const void* b = nullptr;
  int64_t panel_bytes = 0;
  void* sums = nullptr;         ///< [rows][panels][16], f32 or s32
  int64_t adds_to_sums = 0;     ///< whether they are read first
  int64_t whole_steps = 0;      ///< per tap, of which every row of A has all bytes
  int64_t a_step_bytes = 0;     ///< of one row in a step
  int64_t b_step_bytes = 0;     ///< of a panel in a step
  uint64_t remainder_mask = 0;  ///< bytes of A in one more step per tap; 0: there is none
  void* remainder = nullptr;    ///< room for 32 rows of 64 bytes, aligned to 64
  int64_t rows = 0;             ///< of A
  const void* prefetch = nullptr;
  int64_t prefetch_lines = 0;  ///< lines of 64 bytes per whole step that are fetched into L2, a multiple of 4
};

/// Sums of a tile of up to 32 rows and 2 panels on AMX tiles: u8 by s8 in s32, bf16 by bf16 in fp32.
///
///             B0 tmm6   B1 tmm7
///   A0 tmm4    tmm0      tmm1
///   A1 tmm5    tmm2      tmm3
///
/// A is loaded where it lies. Of the last step of a tap, where K ends within it, the bytes that exist are copied to
/// zeroed rows first: nothing behind them is read, and none of it meets the zeros of B (zero times NaN is NaN).
class AmxSums : public jit::Generator {
 public:
  using Function = void (*)(const AmxSumArgs*);

  AmxSums(std::string name, bool bf16);

  /// Of the calling thread: the palette for all that follows until release().
  void configure(const jit::TilePalette& palette) const { configure_(&palette); }
  void release() const { release_(); }
  /// The thread's palette must be amx_palette of these rows and that step.
  void run(int panels, const AmxSumArgs& args) const {
    functions_[static_cast<std::size_t>((args.rows > kAmxRows ? 2 : 0) + panels - 1)](&args);
  }

 private:
  using ScopedGpr = jit::ScopedGpr;

  static Xbyak::Tmm sum(int i, int j) { return Xbyak::Tmm(2 * i + j); }
  static Xbyak::Tmm a_tile(int i) { return Xbyak::Tmm(4 + i); }
  static Xbyak::Tmm b_tile(int j) { return Xbyak::Tmm(6 + j); }

  struct Registers;
  void emit(int row_tiles, int panels);
  void emit_sums(bool load, int row_tiles, int panels);
  void emit_products(const Xbyak::Reg64& a0, const Xbyak::Reg64& a1, const Xbyak::Reg64& a_stride, const Registers& r,
                     int row_tiles, int panels);
  void emit_multiply(int i, int j);
  void emit_prefetch(const Registers& r);
  void emit_remainder(const Registers& r, int row_tiles, int panels);

  const bool bf16_;
  std::array<Function, 4> functions_{};  ///< [2 * (row tiles - 1) + panels - 1]
  void (*configure_)(const jit::TilePalette*) = nullptr;
  void (*release_)() = nullptr;
};

}  // namespace tegula::kernels
