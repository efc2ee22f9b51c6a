#include "kernels/copy/transpose_kernel.h"

#include <cstddef>

#include "jit/generator.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;

/// Squares of 16 x 16 in zmm0..31, or 8 x 8 in ymm0..15: the lower half of the registers holds the rows of a square,
/// the upper half what a stage makes of them, and back.
class TransposeGenerator final : public TransposeCode, private jit::Generator {
 public:
  explicit TransposeGenerator(const TransposeCodeDesc& desc)
      : Generator(desc.name()), isa_(desc.isa), side_(jit::lanes_of(desc.isa)) {
    emit();
    squares_ = {side_, finish<void (*)(const TransposeCall*)>()};
  }

 private:
  Xmm row(int i) const { return vector(i); }
  Xmm temporary(int i) const { return vector(side_ + i); }
  Xmm vector(int index) const {
    if (isa_ == VectorIsa::kAvx512) return Xbyak::Zmm(index);
    return Xbyak::Ymm(index);
  }

  void emit() {
    enter();
    {
      const ScopedGpr src = gpr_.take("src"), dst = gpr_.take("dst"), src_stride = gpr_.take("src_stride"),
                      dst_stride = gpr_.take("dst_stride"), src_at = gpr_.take("src_at"), dst_at = gpr_.take("dst_at"),
                      rows = gpr_.take("rows"), columns = gpr_.take("columns"), line = gpr_.take("line");
      mov(src, ptr[args_ + offsetof(TransposeCall, src)]);
      mov(dst, ptr[args_ + offsetof(TransposeCall, dst)]);
      mov(src_stride, ptr[args_ + offsetof(TransposeCall, src_stride)]);
      mov(dst_stride, ptr[args_ + offsetof(TransposeCall, dst_stride)]);
      mov(rows, ptr[args_ + offsetof(TransposeCall, rows)]);
      Xbyak::Label next_rows, next_columns;
      L(next_rows);
      mov(src_at, src);
      mov(dst_at, dst);
      mov(columns, ptr[args_ + offsetof(TransposeCall, columns)]);
      L(next_columns);
      emit_loads(src_at, src_stride);
      emit_shuffles();
      emit_stores(dst_at, dst_stride, line);
      add(dst_at, side_ * 4);
      sub(columns, side_);
      jnz(next_columns, T_NEAR);

      add(src, side_ * 4);
      mov(line, dst_stride);
      imul(line, line, side_);
      add(dst, line);
      sub(rows, side_);
      jnz(next_rows, T_NEAR);
    }
    leave();
  }

  /// Leaves `at` behind the square's last line.
  void emit_loads(const Reg64& at, const Reg64& stride) {
    for (int i = 0; i < side_; ++i) {
      vmovups(row(i), ptr[at]);
      add(at, stride);
    }
  }

  void emit_stores(const Reg64& at, const Reg64& stride, const Reg64& line) {
    mov(line, at);
    for (int i = 0; i < side_; ++i) {
      vmovups(ptr[line], row(i));
      if (i + 1 < side_) add(line, stride);
    }
  }

  /// Within each 128-bit lane, four rows become four columns; then the lanes change places.
  void emit_shuffles() {
    for (int i = 0; i < side_; i += 2) {
      vunpcklps(temporary(i), row(i), row(i + 1));
      vunpckhps(temporary(i + 1), row(i), row(i + 1));
    }
    for (int i = 0; i < side_; i += 4) {
      vunpcklpd(row(i), temporary(i), temporary(i + 2));
      vunpckhpd(row(i + 1), temporary(i), temporary(i + 2));
      vunpcklpd(row(i + 2), temporary(i + 1), temporary(i + 3));
      vunpckhpd(row(i + 3), temporary(i + 1), temporary(i + 3));
    }
    if (isa_ == VectorIsa::kAvx2) return emit_halves();

    const auto lanes = [&](int to, int a, int b, int selector) {
      vshuff32x4(Xbyak::Zmm(to), Xbyak::Zmm(a), Xbyak::Zmm(b), static_cast<uint8_t>(selector));
    };
    constexpr int kEven = 0x88, kOdd = 0xdd;  // lanes 0 and 2, lanes 1 and 3, of either operand
    for (int j = 0; j < 4; ++j) {
      lanes(side_ + j, j, 4 + j, kEven);
      lanes(side_ + 4 + j, j, 4 + j, kOdd);
      lanes(side_ + 8 + j, 8 + j, 12 + j, kEven);
      lanes(side_ + 12 + j, 8 + j, 12 + j, kOdd);
    }
    for (int j = 0; j < 4; ++j) {
      lanes(j, side_ + j, side_ + 8 + j, kEven);
      lanes(4 + j, side_ + 4 + j, side_ + 12 + j, kEven);
      lanes(8 + j, side_ + j, side_ + 8 + j, kOdd);
      lanes(12 + j, side_ + 4 + j, side_ + 12 + j, kOdd);
    }
  }

  /// The two lanes of ymm: rows j and 4 + j swap halves.
  void emit_halves() {
    for (int j = 0; j < 4; ++j) {
      const Xbyak::Ymm low(j), high(4 + j), temp(side_ + j);
      vperm2f128(temp, low, high, 0x20);
      vperm2f128(high, low, high, 0x31);
      vmovaps(low, temp);
    }
  }

  const VectorIsa isa_;
  const int side_;
};

}  // namespace

std::string TransposeCodeDesc::name() const {
  return concat("transpose_32bit_", jit::name_of(isa));
}

Result<TransposeCodePtr> build_transpose(const TransposeCodeDesc& desc) {
  try {
    return TransposeCodePtr(std::make_shared<TransposeGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
