#pragma once
#include <xbyak/xbyak.h>

#include <cstddef>
#include <optional>

#include "jit/generator.h"
#include "kernels/gemm/tile_set.h"
#include "kernels/post_ops/emit_post_ops.h"

namespace tegula::kernels {

/// Writes what becomes of a product's sums once they lie in registers: the epilogue, and the stores to C. A call's
/// arguments are TileArgs at args_. Base of what computes the sums.
///
/// Registers of R rows and P panels, where a row takes V vectors (AVX-512: P, AVX2: 2 P):
///   accumulators   R * V, from register 0 on; row by row; f32 or s32 lanes, one per column
///   all others belong to the epilogue
///   k1             AVX-512: the columns of the last panel that exist
class ResultsGenerator : public jit::Generator {
 protected:
  using Xmm = Xbyak::Xmm;
  using RegExp = Xbyak::RegExp;
  using ScopedGpr = jit::ScopedGpr;

  static constexpr int kRowsPerBase = 3;  // rows that one base register reaches: base, base + stride, base + 2 * stride
  static constexpr int kMostBases = (TileSet::kMaxRows + kRowsPerBase - 1) / kRowsPerBase;
  static constexpr int kFreeMasks = 6;      // k2 to k7
  static constexpr int kStagingBytes = 64;  // on the stack: narrow elements of a tail, AVX2

  struct Bases {
    std::optional<ScopedGpr> registers[kMostBases];
    std::optional<ScopedGpr> stride;
  };

  /// `desc` outlives it and names a vector ISA.
  ResultsGenerator(const TileSetDesc& desc, std::size_t code_bytes);

  /// The tile that the code that follows is about.
  void set_shape(int rows, int panels) {
    rows_ = rows;
    panels_ = panels;
    row_vectors_ = panels * vectors_per_panel();
  }
  /// Of post-ops beside the accumulators of such a tile.
  PostOpNeeds needs_of(int rows, int panels) const;
  bool stages_tails() const;
  /// k1. Overwrites rax and rcx. AVX-512 only.
  void emit_last_panel_mask();
  /// From the accumulators to C. On ymm registers tiles of whole panels leave() within; others reach the code behind.
  void emit_epilogue();

  // ---- which registers hold what; numbers of vector registers appear here only

  bool wide() const { return isa_ == jit::VectorIsa::kAvx512; }
  int vectors_per_panel() const { return wide() ? 1 : 2; }
  int last_register() const { return jit::vector_registers(isa_) - 1; }
  Xmm vector(int index) const { return wide() ? Xmm(Xbyak::Zmm(index)) : Xmm(Xbyak::Ymm(index)); }
  Xmm acc(int row, int v) const { return vector(row * row_vectors_ + v); }
  int accumulators() const { return rows_ * row_vectors_; }
  Xmm spare(int i) const { return vector(last_register() - i); }  // from the end
  const Xbyak::Opmask& last_panel_mask() const { return k1; }

  // ---- rows at a stride that only the call knows
  void take_bases(Bases& bases, const char* purpose);
  void place_other_bases(const Bases& bases);
  RegExp row_address(const Bases& bases, int row) const;

  const TileSetDesc& desc_;
  const jit::VectorIsa isa_;
  int rows_ = 0, panels_ = 0, row_vectors_ = 0;  // of the tile being written
  int spill_offset_ = 0;                         // from rsp, where the post-ops' memory begins ...
  int spill_bytes_ = 0;                          // ... and its size

 private:
  int staging_offset() const { return spill_bytes_; }
  bool is_tail(bool tail, int v) const { return tail && v / vectors_per_panel() == panels_ - 1; }
  bool stores_saturate() const { return wide() && desc_.types.dst == DType::kU8; }
  bool rounds_to_bf16() const { return desc_.isa == TileIsa::kAvx512Bf16; }  // has the instruction
  int tail_mask_offset(int v) const { return v % vectors_per_panel() * jit::vector_bytes(isa_); }
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

  PostOpNeeds needs_;  // of the post-ops, without spilling
};

}  // namespace tegula::kernels
