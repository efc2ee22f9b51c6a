#pragma once
#include <xbyak/xbyak.h>

#include <array>
#include <cstddef>
#include <optional>

#include "jit/generator.h"
#include "kernels/gemm/tile_set.h"
#include "kernels/post_ops/emit_post_ops.h"

namespace tegula::kernels {

/// How one group of A is multiplied by a row of a panel.
enum class TileArithmetic : uint8_t {
  kFma,         ///< f32: one fused multiply-add
  kDotU8S8,     ///< vpdpbusd
  kDotBf16,     ///< vdpbf16ps
  kWidenU8S8,   ///< even and odd bytes widened to 16 bits, vpmaddwd and an addition for each
  kWidenBf16,   ///< even elements widened to fp32 and a fused multiply-add, then the odd ones
  kWeightOnly,  ///< the weights of one k after another made fp32, a fused multiply-add for each
};

/// Writes the code of all tiles of one epilogue: sums in generated loops (tile_generator.cpp), products
/// (tile_arithmetic.cpp; widened_bf16_arithmetic.cpp, weight_only_arithmetic.cpp), and what becomes of the sums
/// (tile_results.cpp).
///
/// Registers of a tile of R rows and P panels, where a row takes V vectors (AVX-512: P, AVX2: 2 P):
///   accumulators   R * V, from register 0 on; row by row; f32 or s32 lanes, one per column, whatever the arithmetic
///   others         more rows than vectors: V vectors of B stay while the rows' groups of A pass through them,
///                  otherwise R broadcast groups of A stay while the vectors of B pass. kWidenU8S8 holds two registers
///                  for each, the even and the odd elements
///   in the epilogue all but the accumulators belong to it
class TileGenerator : public jit::Generator {
 public:
  /// `evex_dots`: vpdpbusd on ymm in the encoding of AVX-512.
  TileGenerator(const TileSetDesc& desc, bool evex_dots);

  const TileHeights& heights() const { return heights_; }
  TileFunction function(int rows, int panels) const;

 private:
  using Xmm = Xbyak::Xmm;
  using RegExp = Xbyak::RegExp;
  using ScopedGpr = jit::ScopedGpr;

  static constexpr std::size_t kCodeBytes = std::size_t{2} << 20;
  static constexpr int kUnroll = 4;       // groups per turn of the main loop
  static constexpr int kRowsPerBase = 3;  // rows that one base register reaches: base, base + stride, base + 2 * stride
  static constexpr int kMostBases = (TileSet::kMaxRows + kRowsPerBase - 1) / kRowsPerBase;
  static constexpr int kFreeMasks = 6;        // k2 to k7
  static constexpr int kWeightConstants = 6;  // registers of weight-only arithmetic, AVX-512
  static constexpr int kStagingBytes = 64;    // on the stack: narrow elements of a tail, AVX2

  struct Bases {
    std::optional<ScopedGpr> registers[kMostBases];
    std::optional<ScopedGpr> stride;
  };

  // ---- which registers hold what; numbers of vector registers appear here only

  bool wide() const { return isa_ == jit::VectorIsa::kAvx512; }
  int vectors_per_panel() const { return wide() ? 1 : 2; }
  int last_register() const { return jit::vector_registers(isa_) - 1; }
  Xmm vector(int index) const { return wide() ? Xmm(Xbyak::Zmm(index)) : Xmm(Xbyak::Ymm(index)); }
  Xmm acc(int row, int v) const { return vector(row * row_vectors_ + v); }
  int accumulators() const { return rows_ * row_vectors_; }
  Xmm spare(int i) const { return vector(last_register() - i); }  // from the end
  const Xbyak::Opmask& last_panel_mask() const { return k1; }

  PostOpNeeds needs_of(int rows, int panels) const;
  TileHeights fitting_heights() const;
  bool stages_tails() const;
  int staging_offset() const { return spill_bytes_; }

  // ---- tile_generator.cpp: one tile
  void emit_tile(int rows, int panels);
  void emit_first_sums();
  void emit_store_partial();
  void emit_sum();
  void emit_prefetch(const ScopedGpr& prefetch);
  void take_bases(Bases& bases, const char* purpose);
  void place_other_bases(const Bases& bases);
  RegExp row_address(const Bases& bases, int row) const;

  // ---- tile_arithmetic.cpp: one group of k
  bool widens() const { return arithmetic_ == TileArithmetic::kWidenU8S8; }
  int parts() const { return widens() ? 2 : 1; }
  /// One group of every row of A, and the rows of the panels that it meets.
  struct BRows {
    const Xbyak::Reg64& b;
    const Xbyak::Reg64& panel_bytes;
    const std::optional<ScopedGpr>& third_panel;
  };
  RegExp b_address(const BRows& b, int v, int step) const;
  void emit_step(const Bases& a, const BRows& b, int step);
  void emit_f32_step(const Bases& a, const BRows& b, int step);
  template <typename LoadA>
  void emit_group(const BRows& b, int step, const LoadA& load_a);
  void emit_tail_group(const Bases& a, const BRows& b, const Xbyak::Reg64& value, const Xbyak::Reg64& last_byte);
  void emit_split(const Xmm& even, const Xmm& odd, bool unsigned_bytes);
  void emit_multiply(const Xmm& sum, const Xmm& a, const Xmm& b);

  // ---- widened_bf16_arithmetic.cpp: two k of bf16, one after the other, as fp32
  bool keeps_high_half() const;
  void emit_bf16_constants();
  void emit_widened(const Xmm& to, const RegExp& from, bool odd, bool broadcast);
  void emit_bf16_group(const Bases& a, const BRows& b, int step);
  template <typename LoadA>
  void emit_bf16_k(const BRows& b, int step, bool odd, const LoadA& load_a);
  void emit_bf16_tail(const Bases& a, const BRows& b, const Xbyak::Reg64& value);

  // ---- weight_only_arithmetic.cpp: one group of real elements by weights of s8
  void emit_weight_constants();
  void emit_weight_only_group(const Bases& a, const BRows& b, bool tail);
  void emit_weights(const Xmm& to, const BRows& b, int v, int i);
  void emit_real_element(const Xmm& to, const RegExp& from);

  // ---- tile_results.cpp: the epilogue
  bool is_tail(bool tail, int v) const { return tail && v / vectors_per_panel() == panels_ - 1; }
  bool rounds_to_bf16() const { return desc_.isa == TileIsa::kAvx512Bf16; }  // has the instruction
  void emit_epilogue();
  void emit_epilogue_code(bool tail);
  void emit_weight_scales(const ScopedGpr& address, bool tail, const std::optional<ScopedGpr>& masks);
  void emit_integer_sums(const ScopedGpr& address, const ScopedGpr& row_values, bool tail,
                         const std::optional<ScopedGpr>& masks);
  void emit_scaling(const ScopedGpr& address, bool tail, const std::optional<ScopedGpr>& masks);
  void emit_chain(const ScopedGpr& address, const ScopedGpr& row_bytes, bool tail,
                  const std::optional<ScopedGpr>& masks);
  void emit_load_column(const Xmm& to, const Xbyak::Reg64& address, bool tail, int v,
                        const std::optional<ScopedGpr>& masks);
  void emit_load_operand(const Xmm& to, const Xbyak::Reg64& address, DType dtype, std::size_t operand, bool tail, int v,
                         const std::optional<ScopedGpr>& masks);
  void emit_load_scalar(const Xmm& to, const Xbyak::Reg64& address, DType dtype, std::size_t operand);
  void emit_dequantize(const Xmm& value, DType dtype, std::size_t operand);
  void emit_convert();
  void emit_store_panel_row(const RegExp& to, const Xmm& low, const Xmm& high);
  void emit_store(const RegExp& to, const Xmm& x, int v, bool tail, const std::optional<ScopedGpr>& masks);
  void emit_tail_masks(const ScopedGpr& masks);
  void emit_copy_tail(const RegExp& elements, bool load, int element_bytes, int v);
  int tail_mask_offset(int v) const { return v % vectors_per_panel() * jit::vector_bytes(isa_); }

  const TileSetDesc& desc_;
  const jit::VectorIsa isa_;
  const TileArithmetic arithmetic_;
  const bool evex_dots_;
  int rows_ = 0, panels_ = 0, row_vectors_ = 0;  // of the tile being written
  int spill_bytes_ = 0;
  PostOpNeeds needs_;  // of the post-ops, without spilling
  TileHeights heights_;
  std::array<std::array<std::size_t, TileSet::kMaxRows + 1>, 3> offsets_{};
  const uint8_t* start_ = nullptr;
};

}  // namespace tegula::kernels
