#include "kernels/gemm/pack.h"
#include "kernels/gemm/tile_generator.h"

namespace tegula::kernels {

using Xbyak::Reg64;
using Xbyak::RegExp;
using Xbyak::Xmm;

namespace {

constexpr uint32_t kEvenBytes = 0x00ff00ff;

}  // namespace

RegExp TileGenerator::b_address(const BRows& b, int v, int step) const {
  const int panel = v / vectors_per_panel();
  const int disp = step * static_cast<int>(kPanelRowBytes) + v % vectors_per_panel() * jit::vector_bytes(isa_);
  if (panel == 0) return RegExp(b.b) + disp;
  if (panel == 1) return b.b + b.panel_bytes + disp;
  if (panel == 2) return b.b + b.panel_bytes * 2 + disp;
  return RegExp(b.b) + *b.third_panel + disp;
}

void TileGenerator::emit_step(const Bases& a, const BRows& b, int step) {
  if (arithmetic_ == TileArithmetic::kFma) return emit_f32_step(a, b, step);
  if (arithmetic_ == TileArithmetic::kWidenBf16) return emit_bf16_group(a, b, step);
  emit_group(b, step, [&](const Xmm& to, int row) {
    vpbroadcastd(to, dword[row_address(a, row) + step * static_cast<int>(kGroupBytes)]);
  });
}

/// One k: every row's element of A times the row of every panel.
void TileGenerator::emit_f32_step(const Bases& a, const BRows& b, int step) {
  const int disp = step * static_cast<int>(kGroupBytes);
  if (rows_ > row_vectors_) {
    // B stays in the last registers; two elements of A take turns before them.
    for (int v = 0; v < row_vectors_; ++v) vmovups(spare(v), ptr[b_address(b, v, step)]);
    for (int row = 0; row < rows_; ++row) {
      const RegExp element = row_address(a, row) + disp;
      const Xmm a_element = spare(row_vectors_ + row / 2 % 2);
      // Zen 4 broadcasts within the FMA for free; cores with two loads for two FMAs per cycle need some of the rows
      // to load their element once for all panels.
      const bool embedded = wide() && (row_vectors_ == 1 || row % 2 == 0);
      if (!embedded) vbroadcastss(a_element, ptr[element]);
      for (int v = 0; v < row_vectors_; ++v) {
        if (embedded)
          vfmadd231ps(acc(row, v), spare(v), ptr_b[element]);
        else
          vfmadd231ps(acc(row, v), spare(v), a_element);
      }
    }
    return;
  }
  for (int row = 0; row < rows_; ++row) vbroadcastss(spare(row), ptr[row_address(a, row) + disp]);
  for (int v = 0; v < row_vectors_; ++v) {
    if (rows_ == 1) {
      vfmadd231ps(acc(0, v), spare(0), ptr[b_address(b, v, step)]);
      continue;
    }
    vmovups(spare(rows_), ptr[b_address(b, v, step)]);
    for (int row = 0; row < rows_; ++row) vfmadd231ps(acc(row, v), spare(row), spare(rows_));
  }
}

/// `load_a(to, row)` broadcasts a row's group of A. Its even part, or all of it, is in a register whose neighbour
/// towards the accumulators has the odd part; the last register holds a product on its way to a sum.
template <typename LoadA>
void TileGenerator::emit_group(const BRows& b, int step, const LoadA& load_a) {
  const int first = arithmetic_ == TileArithmetic::kWidenU8S8 ? 1 : 0;
  const auto load_b = [&](int at, int v) {
    vmovups(spare(at), ptr[b_address(b, v, step)]);
    if (widens()) emit_split(spare(at), spare(at + 1), false);
  };
  const auto load = [&](int at, int row) {
    load_a(spare(at), row);
    if (widens()) emit_split(spare(at), spare(at + 1), arithmetic_ == TileArithmetic::kWidenU8S8);
  };
  const auto multiply = [&](int row, int v, int at_a, int at_b) {
    for (int part = 0; part < parts(); ++part) emit_multiply(acc(row, v), spare(at_a + part), spare(at_b + part));
  };
  if (rows_ > row_vectors_) {
    const int a = first + row_vectors_ * parts();
    const int turns = accumulators() + a + 2 * parts() <= jit::vector_registers(isa_) ? 2 : 1;
    for (int v = 0; v < row_vectors_; ++v) load_b(first + v * parts(), v);
    for (int row = 0; row < rows_; ++row) {
      const int at = a + row % turns * parts();
      load(at, row);
      for (int v = 0; v < row_vectors_; ++v) multiply(row, v, at, first + v * parts());
    }
    return;
  }
  for (int row = 0; row < rows_; ++row) load(first + row * parts(), row);
  const int passing = first + rows_ * parts();
  for (int v = 0; v < row_vectors_; ++v) {
    load_b(passing, v);
    for (int row = 0; row < rows_; ++row) multiply(row, v, first + row * parts(), passing);
  }
}

/// The last group of a tap, of which A has k_tail_bytes: nothing beyond them is read.
void TileGenerator::emit_tail_group(const Bases& a, const BRows& b, const Reg64& value, const Reg64& last_byte) {
  if (arithmetic_ == TileArithmetic::kWidenBf16) return emit_bf16_tail(a, b, value);
  const auto broadcast = [&](const Xmm& to) {
    if (wide()) return vpbroadcastd(to, value.cvt32());
    vmovd(Xmm(to.getIdx()), value.cvt32());
    vpbroadcastd(to, Xmm(to.getIdx()));
  };
  const auto group_of = [&](int bytes) {
    emit_group(b, 0, [&](const Xmm& to, int row) {
      const RegExp from = row_address(a, row);
      if (bytes == 1) movzx(value.cvt32(), byte[from]);
      if (bytes >= 2) movzx(value.cvt32(), word[from]);
      if (bytes == 3) {
        movzx(last_byte.cvt32(), byte[from + 2]);
        shl(last_byte.cvt32(), 16);
        or_(value.cvt32(), last_byte.cvt32());
      }
      broadcast(to);
    });
  };
  if (desc_.types.src_bytes() == 2) return group_of(2);
  Xbyak::Label two, three, done;
  cmp(dword[args_ + offsetof(TileArgs, k_tail_bytes)], 2);
  je(two, T_NEAR);
  jg(three, T_NEAR);
  group_of(1);
  jmp(done, T_NEAR);
  L(two);
  group_of(2);
  jmp(done, T_NEAR);
  L(three);
  group_of(3);
  L(done);
}

/// `even` holds groups; afterwards it has their even elements widened, `odd` the odd ones.
void TileGenerator::emit_split(const Xmm& even, const Xmm& odd, bool unsigned_bytes) {
  const auto keep = [&](const Xmm& to, const Xmm& from, uint32_t bits) {
    wide() ? vpandd(to, from, constant(isa_, bits)) : vpand(to, from, constant(isa_, bits));
  };
  if (unsigned_bytes) {
    vpsrlw(odd, even, 8);
    keep(even, even, kEvenBytes);
  } else {
    vpsraw(odd, even, 8);
    vpsllw(even, even, 8);
    vpsraw(even, even, 8);
  }
}

void TileGenerator::emit_multiply(const Xmm& sum, const Xmm& a, const Xmm& b) {
  switch (arithmetic_) {
    case TileArithmetic::kFma:
    case TileArithmetic::kWeightOnly:
    case TileArithmetic::kWidenBf16: return vfmadd231ps(sum, a, b);
    case TileArithmetic::kDotU8S8: return vpdpbusd(sum, a, b, evex_dots_ ? Xbyak::EvexEncoding : Xbyak::VexEncoding);
    case TileArithmetic::kDotBf16: return vdpbf16ps(sum, a, b);
    case TileArithmetic::kWidenU8S8: vpmaddwd(spare(0), b, a); vpaddd(sum, sum, spare(0));
  }
}

}  // namespace tegula::kernels
