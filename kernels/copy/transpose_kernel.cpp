#include "kernels/copy/transpose_kernel.h"

#include <algorithm>
#include <cstddef>

#include "jit/generator.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;

/// The lower half of the registers in use holds lines, the upper half what a stage of shuffles makes of them, and back.
///
///   8 bit   16 x 16: ymm i holds rows i and 8 + i
///   16 bit  16 x 16 as two halves of 8 columns each, likewise
///   32 bit  16 x 16 in zmm, 8 x 8 in ymm
///   64 bit  8 x 8 in zmm, 4 x 4 in ymm
class TransposeGenerator final : public TransposeCode, private jit::Generator {
 public:
  explicit TransposeGenerator(const TransposeCodeDesc& desc)
      : Generator(desc.name()),
        isa_(desc.isa),
        element_bytes_(desc.element_bytes),
        side_(static_cast<int>(desc.side())),
        lines_(std::min(side_, element_bytes_ < 4 ? 8 : side_)) {
    emit();
    squares_ = {side_, element_bytes_, finish<void (*)(const TransposeCall*)>()};
  }

 private:
  Xmm row(int i) const { return vector(i); }
  Xmm temporary(int i) const { return vector(lines_ + i); }
  Xmm vector(int index) const {
    if (isa_ == VectorIsa::kAvx512 && element_bytes_ >= 4) return Xbyak::Zmm(index);
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
      emit_square({src_at, src_stride, dst_at, dst_stride, line});
      add(dst_at, side_ * element_bytes_);
      sub(columns, side_);
      jnz(next_columns, T_NEAR);

      add(src, side_ * element_bytes_);
      mov(line, dst_stride);
      imul(line, line, side_);
      add(dst, line);
      sub(rows, side_);
      jnz(next_rows, T_NEAR);
    }
    leave();
  }

  struct Square {
    const Reg64 &src, &src_stride, &dst, &dst_stride, &line;
  };

  /// Leaves src behind the square's last line.
  void emit_square(const Square& square) {
    switch (element_bytes_) {
      case 1:
        emit_pair_loads(square);
        emit_stages_small();
        emit_pair_stores(square);
        break;
      case 2:
        for (int half = 0; half < 2; ++half) {
          if (half == 1) add(square.src, 16);
          emit_pair_loads(square);
          emit_stages_small();
          emit_stores(square, half * lines_);
        }
        sub(square.src, 16);
        break;
      case 4:
        emit_loads(square);
        emit_stages_32bit();
        emit_stores(square, 0);
        break;
      default:
        emit_loads(square);
        emit_stages_64bit();
        emit_stores(square, 0);
    }
    if (element_bytes_ >= 4) return;  // emit_loads() has moved on
    mov(square.line, square.src_stride);
    shl(square.line, 4);
    add(square.src, square.line);
  }

  void emit_loads(const Square& square) {
    for (int i = 0; i < side_; ++i) {
      vmovups(row(i), ptr[square.src]);
      add(square.src, square.src_stride);
    }
  }

  /// Rows i and 8 + i, 16 bytes of each.
  void emit_pair_loads(const Square& square) {
    const ScopedGpr far = gpr_.take("far");
    mov(square.line, square.src);
    lea(far, ptr[square.src + square.src_stride * 8]);
    for (int i = 0; i < lines_; ++i) {
      vmovdqu(Xmm(i), ptr[square.line]);
      vinserti128(Ymm(i), Ymm(i), ptr[far], 1);
      if (i + 1 == lines_) break;
      add(square.line, square.src_stride);
      add(far, square.src_stride);
    }
  }

  /// To the lines of dst from `first` on.
  void emit_stores(const Square& square, int first) {
    if (first == 0)
      mov(square.line, square.dst);
    else
      lea(square.line, ptr[square.dst + square.dst_stride * first]);  // 8
    for (int i = 0; i < lines_; ++i) {
      const bool in_temporary = element_bytes_ == 2 || (element_bytes_ == 8 && isa_ == VectorIsa::kAvx512);
      vmovups(ptr[square.line], in_temporary ? temporary(i) : row(i));
      if (i + 1 < lines_) add(square.line, square.dst_stride);
    }
  }

  /// Within each 128-bit lane, four rows become four columns; then the lanes change places.
  void emit_stages_32bit() {
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

    for (int j = 0; j < 4; ++j) emit_lanes(0, j, 4);
  }

  /// Four zmm as rows of four 128-bit lanes become its columns: registers from + j, from + step + j, ..., through
  /// their temporaries.
  void emit_lanes(int from, int j, int step) {
    const auto lanes = [&](int to, int a, int b, int selector) {
      vshuff32x4(Xbyak::Zmm(to), Xbyak::Zmm(a), Xbyak::Zmm(b), static_cast<uint8_t>(selector));
    };
    constexpr int kEven = 0x88, kOdd = 0xdd;  // lanes 0 and 2, lanes 1 and 3, of either operand
    const int to = from == 0 ? lines_ : 0;
    const auto source = [&](int i) { return from + i * step + j; };
    const auto target = [&](int i) { return to + i * step + j; };
    lanes(target(0), source(0), source(1), kEven);
    lanes(target(1), source(0), source(1), kOdd);
    lanes(target(2), source(2), source(3), kEven);
    lanes(target(3), source(2), source(3), kOdd);
    lanes(source(0), target(0), target(2), kEven);
    lanes(source(1), target(1), target(3), kEven);
    lanes(source(2), target(0), target(2), kOdd);
    lanes(source(3), target(1), target(3), kOdd);
  }

  /// The two lanes of ymm: rows j and 4 + j swap halves.
  void emit_halves() {
    for (int j = 0; j < 4; ++j) {
      const Ymm low(j), high(4 + j), temp(side_ + j);
      vperm2f128(temp, low, high, 0x20);
      vperm2f128(high, low, high, 0x31);
      vmovaps(low, temp);
    }
  }

  /// 8 and 16 bit: pairs of lines become lines of pairs, those pairs of pairs, and so on, until each register has the
  /// elements of 8 rows in its low lane and those of rows 8 to 15 in its high one; the results are temporaries.
  void emit_stages_small() {
    const int bits = 8 * element_bytes_;
    emit_stage(bits, 1, false);
    emit_stage(2 * bits, 2, true);
    emit_stage(4 * bits, 4, false);
  }

  /// Lines i and i + distance of each group of twice as many; from temporaries to rows when `back`.
  void emit_stage(int bits, int distance, bool back) {
    const int from = back ? lines_ : 0;
    int to = back ? 0 : lines_;
    for (int group = 0; group < lines_; group += 2 * distance) {
      for (int i = from + group; i < from + group + distance; ++i) {
        emit_unpack(bits, Ymm(to), Ymm(i), Ymm(i + distance), false);
        emit_unpack(bits, Ymm(to + 1), Ymm(i), Ymm(i + distance), true);
        to += 2;
      }
    }
  }

  void emit_unpack(int bits, const Ymm& to, const Ymm& a, const Ymm& b, bool high) {
    switch (bits) {
      case 8: return high ? vpunpckhbw(to, a, b) : vpunpcklbw(to, a, b);
      case 16: return high ? vpunpckhwd(to, a, b) : vpunpcklwd(to, a, b);
      case 32: return high ? vpunpckhdq(to, a, b) : vpunpckldq(to, a, b);
      default: return high ? vpunpckhqdq(to, a, b) : vpunpcklqdq(to, a, b);
    }
  }

  /// Each temporary holds two columns: rows 0 to 7 of both, then rows 8 to 15 of both.
  void emit_pair_stores(const Square& square) {
    mov(square.line, square.dst);
    for (int i = 0; i < lines_; ++i) {
      const Ymm pair(lines_ + i);
      vpermq(pair, pair, 0xd8);
      vmovdqu(ptr[square.line], Xmm(lines_ + i));
      vextracti128(ptr[square.line + square.dst_stride], pair, 1);
      if (i + 1 < lines_) lea(square.line, ptr[square.line + square.dst_stride * 2]);
    }
  }

  /// Rows hold the results on AVX2, temporaries on AVX-512.
  void emit_stages_64bit() {
    for (int i = 0; i < side_; i += 2) {
      vunpcklpd(temporary(i), row(i), row(i + 1));
      vunpckhpd(temporary(i + 1), row(i), row(i + 1));
    }
    if (isa_ == VectorIsa::kAvx512) {
      emit_lanes(lines_, 0, 2);
      emit_lanes(lines_, 1, 2);
      return;
    }
    for (int j = 0; j < 2; ++j) {
      const Ymm a(lines_ + j), b(lines_ + 2 + j);
      vperm2f128(Ymm(j), a, b, 0x20);
      vperm2f128(Ymm(2 + j), a, b, 0x31);
    }
  }

  const VectorIsa isa_;
  const int element_bytes_;
  const int side_;
  const int lines_;  ///< registers that a stage reads
};

}  // namespace

int64_t TransposeCodeDesc::side() const {
  return element_bytes < 4 ? 16 : jit::vector_bytes(isa) / element_bytes;
}

std::string TransposeCodeDesc::name() const {
  return concat("transpose_", 8 * element_bytes, "bit_", jit::name_of(isa));
}

Result<TransposeCodePtr> build_transpose(const TransposeCodeDesc& desc) {
  if (desc.element_bytes != 1 && desc.element_bytes != 2 && desc.element_bytes != 4 && desc.element_bytes != 8)
    return Error{ErrorCode::kUnsupported, concat("transpose: no elements of ", desc.element_bytes, " bytes")};
  try {
    return TransposeCodePtr(std::make_shared<TransposeGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
