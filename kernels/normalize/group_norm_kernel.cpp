#include "kernels/normalize/group_norm_kernel.h"

#include <cstddef>

#include "jit/emit/vector_tail.h"
#include "jit/generator.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;

/// Three functions with one shape: blocks of channels outside, positions inside, so that what belongs to a channel
/// stays in registers.
///
///   registers of vector v of a block:   accumulator(v)   mean(v)        sum, squares
///                                       factor(v)        mean(v) bias(v) results
class GroupNormGenerator final : public GroupNormCode, private jit::Generator {
 public:
  explicit GroupNormGenerator(const GroupNormCodeDesc& desc)
      : Generator(desc.name()), isa_(desc.isa), tail_(*this, isa_, 1, kTailMask) {
    const std::size_t sum = emit_function(Phase::kSum), squares = emit_function(Phase::kSquares);
    const std::size_t results = emit_function(Phase::kResults);
    const auto base = finish<uintptr_t>();
    sum_ = reinterpret_cast<Function>(base + sum);
    squares_ = reinterpret_cast<Function>(base + squares);
    results_ = reinterpret_cast<Function>(base + results);
  }

 private:
  enum class Phase { kSum, kSquares, kResults };
  static constexpr int kVectors = 4;  // channels of a block; AVX2 has no registers for more
  static constexpr int kLoaded = 14, kTailMask = 15;

  static int accumulator(int v) { return v; }
  static int factor(int v) { return v; }
  static int mean(int v) { return kVectors + v; }
  static int bias(int v) { return 2 * kVectors + v; }

  int lanes() const { return jit::lanes_of(isa_); }
  Xmm vector(int index) const { return jit::vector_register(isa_, index); }

  /// Its offset in the code.
  std::size_t emit_function(Phase phase) {
    align(16);
    const std::size_t start = getSize();
    const ScopedGpr at = gpr_.take("at"), left = gpr_.take("left");
    xor_(at.cvt32(), at.cvt32());
    mov(left, ptr[args_ + offsetof(GroupNormCall, channels)]);
    Xbyak::Label many, one, tail, done;
    L(many);
    cmp(left, kVectors * lanes());
    jl(one, T_NEAR);
    emit_block(phase, at, kVectors, false);
    add(at, kVectors * jit::vector_bytes(isa_));
    sub(left, kVectors * lanes());
    jmp(many, T_NEAR);
    L(one);
    cmp(left, lanes());
    jl(tail, T_NEAR);
    emit_block(phase, at, 1, false);
    add(at, jit::vector_bytes(isa_));
    sub(left, lanes());
    jmp(one, T_NEAR);
    L(tail);
    test(left, left);
    jz(done, T_NEAR);
    {
      const ScopedGpr scratch = gpr_.take("scratch");
      tail_.mark(left, scratch);
    }
    emit_block(phase, at, 1, true);
    L(done);
    leave();
    return start;
  }

  /// All positions of the channels from byte `at` of a row on.
  void emit_block(Phase phase, const Reg64& at, int vectors, bool is_tail) {
    const ScopedGpr src = gpr_.take("src"), dst = gpr_.take("dst"), positions = gpr_.take("positions");
    const auto load_per_channel = [&](int (*reg)(int), std::size_t field) {
      mov(src, ptr[args_ + field]);
      for (int v = 0; v < vectors; ++v) tail_.load(reg(v), ptr[src + at + v * jit::vector_bytes(isa_)], is_tail);
    };
    if (phase == Phase::kResults) {
      load_per_channel(factor, offsetof(GroupNormCall, factor));
      load_per_channel(bias, offsetof(GroupNormCall, bias));
      mov(dst, ptr[args_ + offsetof(GroupNormCall, dst)]);
      add(dst, at);
    } else {
      for (int v = 0; v < vectors; ++v) vxorps(Xmm(accumulator(v)), Xmm(accumulator(v)), Xmm(accumulator(v)));
    }
    if (phase != Phase::kSum) load_per_channel(mean, offsetof(GroupNormCall, mean));
    mov(src, ptr[args_ + offsetof(GroupNormCall, src)]);
    add(src, at);
    mov(positions, ptr[args_ + offsetof(GroupNormCall, positions)]);

    Xbyak::Label next;
    L(next);
    for (int v = 0; v < vectors; ++v) emit_position(phase, v, src, dst, is_tail);
    add(src, ptr[args_ + offsetof(GroupNormCall, src_position_bytes)]);
    if (phase == Phase::kResults) add(dst, ptr[args_ + offsetof(GroupNormCall, dst_position_bytes)]);
    dec(positions);
    jnz(next, T_NEAR);

    if (phase == Phase::kResults) return;
    mov(dst, ptr[args_ + offsetof(GroupNormCall, sums)]);
    for (int v = 0; v < vectors; ++v) tail_.store(ptr[dst + at + v * jit::vector_bytes(isa_)], accumulator(v), is_tail);
  }

  void emit_position(Phase phase, int v, const Reg64& src, const Reg64& dst, bool is_tail) {
    const int displacement = v * jit::vector_bytes(isa_);
    const Xmm x = vector(kLoaded), result = vector(accumulator(v));
    tail_.load(kLoaded, ptr[src + displacement], is_tail);
    if (phase == Phase::kSum) return vaddps(result, result, x);
    vsubps(x, x, vector(mean(v)));
    if (phase == Phase::kSquares) return vfmadd231ps(result, x, x);
    vfmadd213ps(x, vector(factor(v)), vector(bias(v)));
    tail_.store(ptr[dst + displacement], kLoaded, is_tail);
  }

  const VectorIsa isa_;
  jit::VectorTail tail_;
};

}  // namespace

std::string GroupNormCodeDesc::name() const {
  return concat("group_norm_f32_", jit::name_of(isa));
}

Result<GroupNormCodePtr> build_group_norm(const GroupNormCodeDesc& desc) {
  try {
    return GroupNormCodePtr(std::make_shared<GroupNormGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
