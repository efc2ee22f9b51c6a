#include "kernels/resize/resize_kernel.h"

#include "jit/emit/vector_tail.h"
#include "jit/generator.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Address;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

constexpr int kUnrolled = 4;  // vectors of a mixture side by side
constexpr uint8_t kNotEqualOrNan = 0x04;

/// Seven functions in one buffer: mix; sums and copies of lines for each reach.
class ResizeGenerator final : public ResizeCode, private jit::Generator {
 public:
  explicit ResizeGenerator(const ResizeCodeDesc& desc)
      : Generator(desc.name()),
        isa_(desc.isa),
        lanes_(jit::lanes_of(desc.isa)),
        bytes_(jit::vector_bytes(desc.isa)),
        tail_(*this, desc.isa, kTailMask, kTailVector),
        window_(*this, desc.isa, kWindowMask, kWindowVector),
        second_(*this, desc.isa, kSecondMask, kSecondVector) {
    emit_mix();
    std::array<std::size_t, 3> sums, copies;
    for (std::size_t i = 0; i < 3; ++i) {
      sums[i] = emit_line(true, static_cast<ResizeReach>(i));
      copies[i] = emit_line(false, static_cast<ResizeReach>(i));
    }
    const auto base = finish<uintptr_t>();
    mix_ = reinterpret_cast<void (*)(const ResizeMixCall*)>(base);
    for (std::size_t i = 0; i < 3; ++i) {
      sums_[i] = reinterpret_cast<LineFunction>(base + sums[i]);
      copies_[i] = reinterpret_cast<LineFunction>(base + copies[i]);
    }
  }

 private:
  // Mask registers; vectors. Sums of a mixture are vectors 0 to kUnrolled - 1, that of a line is 0.
  static constexpr int kTailMask = 1, kWindowMask = 2, kTaking = 3, kSecondMask = 4;
  static constexpr int kSum = 0, kLoaded = 4, kWeight = 5, kSources = 6, kNumbers = 7, kTakes = 8, kZero = 9,
                       kMinusZero = 10, kTailVector = 11, kWindowVector = 12, kSecondVector = 13, kSecondSources = 14,
                       kTaken = 15;

  Xmm vector(int index) const { return jit::vector_register(isa_, index); }

  // Elements are the inner loop of a position: kUnrolled vectors at a time, then one, then the rest under a mask.
  void emit_mix() {
    enter();
    {
      const ScopedGpr src = gpr_.take("src"), taps = gpr_.take("taps"), dst = gpr_.take("dst"),
                      positions = gpr_.take("positions"), offset = gpr_.take("offset"), left = gpr_.take("left");
      mov(src, ptr[args_ + offsetof(ResizeMixCall, src)]);
      mov(taps, ptr[args_ + offsetof(ResizeMixCall, taps)]);
      mov(dst, ptr[args_ + offsetof(ResizeMixCall, dst)]);
      mov(positions, ptr[args_ + offsetof(ResizeMixCall, positions)]);
      mov(left, ptr[args_ + offsetof(ResizeMixCall, n)]);
      and_(left, lanes_ - 1);
      tail_.mark(left, offset);

      Xbyak::Label next, many, one, rest, done;
      L(next);
      xor_(offset.cvt32(), offset.cvt32());
      mov(left, ptr[args_ + offsetof(ResizeMixCall, n)]);
      L(many);
      cmp(left, kUnrolled * lanes_);
      jl(one, T_NEAR);
      emit_mixed(src, taps, dst, offset, kUnrolled, false);
      add(offset, kUnrolled * bytes_);
      sub(left, kUnrolled * lanes_);
      jmp(many, T_NEAR);
      L(one);
      cmp(left, lanes_);
      jl(rest, T_NEAR);
      emit_mixed(src, taps, dst, offset, 1, false);
      add(offset, bytes_);
      sub(left, lanes_);
      jmp(one, T_NEAR);
      L(rest);
      test(left, left);
      jz(done, T_NEAR);
      emit_mixed(src, taps, dst, offset, 1, true);
      L(done);
      add(src, ptr[args_ + offsetof(ResizeMixCall, src_step)]);
      add(taps, ptr[args_ + offsetof(ResizeMixCall, taps_step)]);
      add(dst, ptr[args_ + offsetof(ResizeMixCall, dst_step)]);
      dec(positions);
      jnz(next, T_NEAR);
    }
    leave();
  }

  void emit_mixed(const Reg64& src, const Reg64& taps, const Reg64& dst, const Reg64& offset, int vectors,
                  bool masked) {
    const ScopedGpr tap = gpr_.take("tap"), left = gpr_.take("taps_left"), from = gpr_.take("from");
    Xbyak::Label empty, next, end;
    mov(left.cvt32(), dword[taps + offsetof(ResizeTap, count)]);
    mov(tap, taps);
    test(left.cvt32(), left.cvt32());
    jz(empty, T_NEAR);
    emit_tap(src, tap, from, offset);
    for (int i = 0; i < vectors; ++i) {
      tail_.load(i, ptr[from + i * bytes_], masked);
      vmulps(vector(i), vector(i), vector(kWeight));
    }
    dec(left.cvt32());
    jz(end, T_NEAR);
    L(next);
    add(tap, sizeof(ResizeTap));
    emit_tap(src, tap, from, offset);
    for (int i = 0; i < vectors; ++i) {
      tail_.load(kLoaded, ptr[from + i * bytes_], masked);
      vmulps(vector(kLoaded), vector(kLoaded), vector(kWeight));
      vaddps(vector(i), vector(i), vector(kLoaded));
    }
    dec(left.cvt32());
    jnz(next, T_NEAR);
    jmp(end, T_NEAR);
    L(empty);
    for (int i = 0; i < vectors; ++i) jit::emit_load_constant(*this, isa_, i, 0);
    L(end);
    for (int i = 0; i < vectors; ++i) tail_.store(ptr[dst + offset + i * bytes_], i, masked);
  }

  void emit_tap(const Reg64& src, const Reg64& tap, const Reg64& from, const Reg64& offset) {
    vbroadcastss(vector(kWeight), ptr[tap + offsetof(ResizeTap, weight)]);
    mov(from, src);
    add(from, ptr[tap + offsetof(ResizeTap, offset)]);
    add(from, offset);
  }

  struct Line {
    const Reg64 &src, &dst, &window, &table, &left, &scratch;
    const Reg64& second;  ///< of copies: bytes from dst to where the same results go once more, or 0
  };

  std::size_t emit_line(bool sums, ResizeReach reach) {
    align(64);
    const std::size_t start = getSize();
    enter();
    {
      const ScopedGpr src = gpr_.take("src"), dst = gpr_.take("dst"), window = gpr_.take("window"),
                      table = gpr_.take("table"), left = gpr_.take("left"), scratch = gpr_.take("scratch"),
                      second = gpr_.take("second");
      const Line line{src, dst, window, table, left, scratch, second};
      mov(left, ptr[args_ + offsetof(ResizeLineCall, positions)]);
      and_(left, lanes_ - 1);
      tail_.mark(left, scratch);
      mark_windows(left, scratch, reach);
      if (sums) {
        jit::emit_load_constant(*this, isa_, kZero, 0);
        if (isa_ == VectorIsa::kAvx2) vbroadcastss(Ymm(kMinusZero), constant_dword(isa_, 0x80000000u));
      }
      mov(src, ptr[args_ + offsetof(ResizeLineCall, src)]);
      mov(dst, ptr[args_ + offsetof(ResizeLineCall, dst)]);
      if (sums)
        emit_row(line, true, reach);
      else
        emit_copied_rows(line, reach);
    }
    leave();
    return start;
  }

  /// Two rows of dst at a time where they are the same.
  void emit_copied_rows(const Line& line, ResizeReach reach) {
    const ScopedGpr row = gpr_.take("row"), rows_left = gpr_.take("rows_left"), repeats = gpr_.take("repeats");
    Xbyak::Label next_row, next_pair;
    mov(row, ptr[args_ + offsetof(ResizeLineCall, rows)]);
    mov(rows_left, ptr[args_ + offsetof(ResizeLineCall, row_count)]);
    L(next_row);
    mov(line.src, ptr[args_ + offsetof(ResizeLineCall, src)]);
    add(line.src, ptr[row + offsetof(ResizeRow, src_offset)]);
    mov(repeats, ptr[row + offsetof(ResizeRow, repeats)]);
    L(next_pair);
    xor_(line.second.cvt32(), line.second.cvt32());
    cmp(repeats, 2);
    cmovge(line.second, ptr[args_ + offsetof(ResizeLineCall, dst_stride)]);
    push(line.dst);
    emit_row(line, false, reach);
    pop(line.dst);
    add(line.dst, ptr[args_ + offsetof(ResizeLineCall, dst_stride)]);
    add(line.dst, line.second);
    sub(repeats, 2);
    jg(next_pair, T_NEAR);
    add(row, sizeof(ResizeRow));
    dec(rows_left);
    jnz(next_row, T_NEAR);
  }

  /// Leaves dst behind the last whole vector.
  void emit_row(const Line& line, bool sums, ResizeReach reach) {
    Xbyak::Label next, rest, done;
    mov(line.window, ptr[args_ + offsetof(ResizeLineCall, windows)]);
    mov(line.table, ptr[args_ + offsetof(ResizeLineCall, table)]);
    mov(line.left, ptr[args_ + offsetof(ResizeLineCall, positions)]);
    sub(line.left, lanes_);
    jl(rest, T_NEAR);
    L(next);
    emit_results(line, sums, reach, false);
    add(line.dst, bytes_);
    add(line.window, 8);
    sub(line.left, lanes_);
    jge(next, T_NEAR);
    L(rest);
    add(line.left, lanes_);
    jz(done, T_NEAR);
    emit_results(line, sums, reach, true);
    L(done);
  }

  /// What may be read of each window.
  void mark_windows(const Reg64& count, const Reg64& scratch, ResizeReach reach) {
    if (reach == ResizeReach::kAnywhere) {
      if (isa_ == VectorIsa::kAvx512) kxnorw(window_.opmask(), k0, k0);
      return;
    }
    mov(count, ptr[args_ + offsetof(ResizeLineCall, window)]);
    window_.mark(count, scratch);
    if (reach != ResizeReach::kPair) return;
    xor_(scratch.cvt32(), scratch.cvt32());
    sub(count, lanes_);
    cmovl(count, scratch);
    second_.mark(count, scratch);
  }

  /// One vector of results; `table` moves on.
  void emit_results(const Line& line, bool sums, ResizeReach reach, bool masked) {
    mov(line.scratch, ptr[line.window]);
    add(line.scratch, line.src);
    if (reach != ResizeReach::kAnywhere) window_.load(kSources, ptr[line.scratch]);
    if (reach == ResizeReach::kPair) second_.load(kSecondSources, ptr[line.scratch + bytes_]);
    if (!sums) {
      emit_take(line, reach);
      tail_.store(ptr[line.dst], kLoaded, masked);
      tail_.store(ptr[line.dst + line.second], kLoaded, masked);
      return;
    }
    const ScopedGpr left = gpr_.take("taps_left");
    emit_take(line, reach);
    emit_weighted(line);
    if (isa_ == VectorIsa::kAvx512)
      vmulps(Zmm(kSum) | Xbyak::Opmask(kTaking) | T_z, Zmm(kLoaded), Zmm(kWeight));
    else
      vandps(Ymm(kSum), Ymm(kLoaded), Ymm(kTakes));
    Xbyak::Label next, end;
    mov(left, ptr[args_ + offsetof(ResizeLineCall, taps)]);
    dec(left);
    jz(end, T_NEAR);
    L(next);
    emit_take(line, reach);
    emit_weighted(line);
    if (isa_ == VectorIsa::kAvx512) {
      vmulps(Zmm(kLoaded), Zmm(kLoaded), Zmm(kWeight));
      vaddps(Zmm(kSum) | Xbyak::Opmask(kTaking), Zmm(kSum), Zmm(kLoaded));
    } else {  // -0 changes no sum
      vblendvps(Ymm(kLoaded), Ymm(kMinusZero), Ymm(kLoaded), Ymm(kTakes));
      vaddps(Ymm(kSum), Ymm(kSum), Ymm(kLoaded));
    }
    dec(left);
    jnz(next, T_NEAR);
    L(end);
    tail_.store(ptr[line.dst], kSum, masked);
  }

  /// kLoaded = the elements that the next vector of the table names.
  void emit_take(const Line& line, ResizeReach reach) {
    vmovups(vector(kNumbers), ptr[line.table]);
    add(line.table, bytes_);
    if (reach != ResizeReach::kAnywhere) {
      emit_permute(reach == ResizeReach::kPair);
    } else if (isa_ == VectorIsa::kAvx512) {
      kmovw(Xbyak::Opmask(kTaking), window_.opmask());
      vgatherdps(Zmm(kLoaded) | Xbyak::Opmask(kTaking), ptr[line.scratch + Zmm(kNumbers) * 4]);
    } else {
      vpcmpeqd(Ymm(kTakes), Ymm(kTakes), Ymm(kTakes));
      vgatherdps(Ymm(kLoaded), ptr[line.scratch + Ymm(kNumbers) * 4], Ymm(kTakes));
    }
  }

  void emit_permute(bool pair) {
    if (isa_ == VectorIsa::kAvx512) {
      if (!pair) return vpermps(Zmm(kLoaded), Zmm(kNumbers), Zmm(kSources));
      vmovaps(Zmm(kLoaded), Zmm(kNumbers));
      vpermi2ps(Zmm(kLoaded), Zmm(kSources), Zmm(kSecondSources));
      return;
    }
    vpermps(Ymm(kLoaded), Ymm(kNumbers), Ymm(kSources));
    if (!pair) return;
    vpermps(Ymm(kTaken), Ymm(kNumbers), Ymm(kSecondSources));
    vpslld(Ymm(kNumbers), Ymm(kNumbers), 28);  // bit 3 chooses the second vector
    vblendvps(Ymm(kLoaded), Ymm(kLoaded), Ymm(kTaken), Ymm(kNumbers));
  }

  /// kWeight, and which lanes take part; AVX2: also the product, in kLoaded.
  void emit_weighted(const Line& line) {
    vmovups(vector(kWeight), ptr[line.table]);
    add(line.table, bytes_);
    if (isa_ == VectorIsa::kAvx512) {
      vcmpps(Xbyak::Opmask(kTaking), Zmm(kWeight), Zmm(kZero), kNotEqualOrNan);
    } else {
      vcmpps(Ymm(kTakes), Ymm(kWeight), Ymm(kZero), kNotEqualOrNan);
      vmulps(Ymm(kLoaded), Ymm(kLoaded), Ymm(kWeight));
    }
  }

  const VectorIsa isa_;
  const int lanes_, bytes_;
  jit::VectorTail tail_, window_, second_;
};

}  // namespace

std::string ResizeCodeDesc::name() const {
  return concat("resize_f32_", jit::name_of(isa));
}

Result<ResizeCodePtr> build_resize(const ResizeCodeDesc& desc) {
  try {
    return ResizeCodePtr(std::make_shared<ResizeGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
