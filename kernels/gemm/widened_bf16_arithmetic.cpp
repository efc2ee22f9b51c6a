#include <algorithm>
#include <cstddef>

#include "kernels/gemm/pack.h"
#include "kernels/gemm/tile_generator.h"

namespace tegula::kernels {

using Xbyak::RegExp;
using Xbyak::Xmm;

namespace {

constexpr uint32_t kHighHalf = 0xffff0000;
constexpr int kHalfBits = 16;

}  // namespace

/// Whether a register is left for kHighHalf, the last one: beside the accumulators, the operand that stays and the one
/// that passes.
bool TileGenerator::keeps_high_half() const {
  const int operands = std::min(rows_, row_vectors_) + 1;
  return accumulators() + operands + 1 <= jit::vector_registers(isa_);
}

void TileGenerator::emit_bf16_constants() {
  if (keeps_high_half()) vpbroadcastd(spare(0), constant_dword(isa_, kHighHalf));
}

/// Of pairs of bf16 the even (odd) elements as fp32: the lower half of each lane shifted up, or the upper half alone.
/// AVX-512 does it while it loads, AVX2 an odd element of B.
void TileGenerator::emit_widened(const Xmm& to, const RegExp& from, bool odd, bool broadcast) {
  if (wide()) {
    const Xbyak::Address pairs = broadcast ? ptr_b[from] : ptr[from];
    return odd ? vpandd(to, spare(0), pairs) : vpslld(to, pairs, kHalfBits);
  }
  if (odd && !broadcast && keeps_high_half()) return vpand(to, spare(0), ptr[from]);
  broadcast ? vpbroadcastd(to, dword[from]) : vmovups(to, ptr[from]);
  if (!odd) return vpslld(to, to, kHalfBits);
  keeps_high_half() ? vpand(to, to, spare(0)) : vpand(to, to, constant(isa_, kHighHalf));
}

/// The even k of a group, then the odd one: as in fp32 (emit_f32_step) the vectors of B of a k stay while the elements
/// of the rows pass, or the other way round where there are no more rows than vectors. So a row of a panel is widened
/// once for all rows of a tile, and both k share the registers; loading it twice costs less than keeping it.
void TileGenerator::emit_bf16_group(const Bases& a, const BRows& b, int step) {
  const int disp = step * static_cast<int>(kGroupBytes);
  for (const bool odd : {false, true})
    emit_bf16_k(b, step, odd, [&](const Xmm& to, int row) { emit_widened(to, row_address(a, row) + disp, odd, true); });
}

/// One k: `load_a(to, row)` broadcasts a row's element as fp32.
template <typename LoadA>
void TileGenerator::emit_bf16_k(const BRows& b, int step, bool odd, const LoadA& load_a) {
  const int first = keeps_high_half() ? 1 : 0;
  const auto load_b = [&](const Xmm& to, int v) { emit_widened(to, b_address(b, v, step), odd, false); };
  if (rows_ > row_vectors_) {
    const int a = first + row_vectors_;
    for (int v = 0; v < row_vectors_; ++v) load_b(spare(first + v), v);
    for (int row = 0; row < rows_; ++row) {
      load_a(spare(a), row);
      for (int v = 0; v < row_vectors_; ++v) vfmadd231ps(acc(row, v), spare(a), spare(first + v));
    }
    return;
  }
  for (int row = 0; row < rows_; ++row) load_a(spare(first + row), row);
  for (int v = 0; v < row_vectors_; ++v) {
    load_b(spare(first + rows_), v);
    for (int row = 0; row < rows_; ++row) vfmadd231ps(acc(row, v), spare(first + row), spare(first + rows_));
  }
}

/// The last k of a tap where it is an even one: nothing beyond it is read of A.
void TileGenerator::emit_bf16_tail(const Bases& a, const BRows& b, const Xbyak::Reg64& value) {
  emit_bf16_k(b, 0, false, [&](const Xmm& to, int row) {
    movzx(value.cvt32(), word[row_address(a, row)]);
    shl(value.cvt32(), kHalfBits);
    if (wide()) return vpbroadcastd(to, value.cvt32());
    vmovd(Xmm(to.getIdx()), value.cvt32());
    vpbroadcastd(to, Xmm(to.getIdx()));
  });
}

}  // namespace tegula::kernels
