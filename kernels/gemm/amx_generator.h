#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "jit/tile_palette.h"
#include "kernels/gemm/results_generator.h"

namespace tegula::kernels {

/// Rows of an AMX tile, of which two above each other make a tile of a product.
inline constexpr int kAmxRows = 16;
inline constexpr int kAmxRowBytes = 64;
/// Rows whose results are computed together.
inline constexpr int kAmxSliceRows = 4;

/// Shapes of the tiles that multiply `rows` rows of A (1 to 32) by panels of B in steps of `step` rows of a panel (1 to
/// 16), for one panel or two.
jit::TilePalette amx_palette(int rows, int64_t step);

/// Consecutive rows of C of which the results are computed together.
struct AmxSlice {
  uint8_t skipped = 0;  ///< rows of the sums in front of it that are not stored
  uint8_t rows = 0;     ///< 1 to kAmxSliceRows
};

/// One call of AmxGenerator's code: products of a tile, while the results of the tile before it are computed. Read by
/// generated code: fields stay where they are.
struct AmxCall {
  /// Of the tile whose sums lie in `partial`, from the next slice on. The code moves it on.
  TileArgs results;
  const AmxSlice* slices = nullptr;
  int64_t slices_left = 0;
  int64_t slices_per_step = 0;         ///< so many that none is left after the last step
  const void* results_code = nullptr;  ///< AmxGenerator::results_code of its panels

  const void* a = nullptr;               ///< row 0
  const int64_t* tap_offsets = nullptr;  ///< moved on
  int64_t taps = 1;                      ///< at least 1; counted down
  int64_t lda_bytes = 0;
  const void* b = nullptr;
  int64_t panel_bytes = 0;
  void* sums = nullptr;            ///< [rows][panels][16], f32 or s32; written after the last step
  int64_t adds_to_sums = 0;        ///< whether they are read first
  int64_t whole_steps = 0;         ///< per tap, of which every row of A has all bytes
  int64_t a_step_bytes = 0;        ///< of one row in a step
  int64_t b_step_bytes = 0;        ///< of a panel in a step
  uint64_t remainder_mask = 0;     ///< bytes of A in one more step per tap; 0: there is none
  void* remainder = nullptr;       ///< room for 32 rows of 64 bytes, aligned to 64
  int64_t rows = 0;                ///< of A
  const void* prefetch = nullptr;  ///< moved on
  int64_t prefetch_lines = 0;      ///< lines of 64 bytes per step that are fetched into L2, a multiple of 4
};

/// Tiles of up to 32 rows and 2 panels on AMX: u8 by s8 in s32, bf16 by bf16 in fp32; and their results, in AVX-512.
///
///             B0 tmm6   B1 tmm7
///   A0 tmm4    tmm0      tmm1
///   A1 tmm5    tmm2      tmm3
///
/// A is loaded where it lies. Of the last step of a tap, where K ends within it, the bytes that exist are copied to
/// zeroed rows first: nothing behind them is read, and none of it meets the zeros of B (zero times NaN is NaN).
///
/// Tile and vector units work at the same time: between the steps of a tile stand slices of the results of the tile
/// before it, whose sums wait in memory. They are a subroutine, so that their code exists once.
class AmxGenerator : public ResultsGenerator {
 public:
  using Function = void (*)(AmxCall*);

  /// `desc`: of the vector ISA that computes results.
  explicit AmxGenerator(const TileSetDesc& desc);

  /// Of the calling thread: the palette for all that follows until release().
  void configure(const jit::TilePalette& palette) const { configure_(&palette); }
  void release() const { release_(); }
  /// The thread's palette must be amx_palette of these rows and that step.
  void run(int panels, AmxCall& call) const {
    functions_[static_cast<std::size_t>((call.rows > kAmxRows ? 2 : 0) + panels - 1)](&call);
  }
  /// The slices that are left. Needs no palette.
  void run_results(AmxCall& call) const { run_results_(&call); }
  const void* results_code(int panels) const { return results_code_[static_cast<std::size_t>(panels - 1)]; }

 private:
  static Xbyak::Tmm sum(int i, int j) { return Xbyak::Tmm(2 * i + j); }
  static Xbyak::Tmm a_tile(int i) { return Xbyak::Tmm(4 + i); }
  static Xbyak::Tmm b_tile(int j) { return Xbyak::Tmm(6 + j); }

  struct Registers;
  void emit_product(const Registers& r, int row_tiles, int panels);
  void emit_sums(bool load, int row_tiles, int panels);
  void emit_step(const Xbyak::Reg64& a_stride, const Registers& r, int row_tiles, int panels);
  void emit_multiply(int i, int j);
  void emit_prefetch();
  void emit_remainder(const Registers& r, int row_tiles, int panels);
  void emit_slices(const Xbyak::Reg64* count);
  void emit_results(int panels);
  void emit_slice(int rows, int panels);
  void enter_function() { enter(spill_bytes_); }

  std::array<Function, 4> functions_{};  ///< [2 * (row tiles - 1) + panels - 1]
  std::array<const void*, 2> results_code_{};
  Function run_results_ = nullptr;
  void (*configure_)(const jit::TilePalette*) = nullptr;
  void (*release_)() = nullptr;
};

}  // namespace tegula::kernels
