#pragma once
#include <xbyak/xbyak.h>

#include <array>
#include <cstddef>
#include <optional>

#include "kernels/gemm/results_generator.h"

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
/// (tile_arithmetic.cpp; widened_bf16_arithmetic.cpp, weight_only_arithmetic.cpp); what becomes of the sums is
/// ResultsGenerator's.
///
/// Registers beside the accumulators: with more rows than vectors, V vectors of B stay while the rows' groups of A pass
/// through them, otherwise R broadcast groups of A stay while the vectors of B pass. kWidenU8S8 holds two registers for
/// each, the even and the odd elements.
class TileGenerator : public ResultsGenerator {
 public:
  /// `evex_dots`: vpdpbusd on ymm in the encoding of AVX-512.
  TileGenerator(const TileSetDesc& desc, bool evex_dots);

  const TileHeights& heights() const { return heights_; }
  TileFunction function(int rows, int panels) const;

 private:
  static constexpr std::size_t kCodeBytes = std::size_t{2} << 20;
  static constexpr int kUnroll = 4;           // groups per turn of the main loop
  static constexpr int kWeightConstants = 6;  // registers of weight-only arithmetic, AVX-512

  TileHeights fitting_heights() const;

  // ---- tile_generator.cpp: one tile
  void emit_tile(int rows, int panels);
  void emit_first_sums();
  void emit_store_partial();
  void emit_sum();
  void emit_prefetch(const ScopedGpr& prefetch);

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

  const TileArithmetic arithmetic_;
  const bool evex_dots_;
  TileHeights heights_;
  std::array<std::array<std::size_t, TileSet::kMaxRows + 1>, 3> offsets_{};
  const uint8_t* start_ = nullptr;
};

}  // namespace tegula::kernels
