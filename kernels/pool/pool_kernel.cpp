#include "kernels/pool/pool_kernel.h"

#include <cstddef>
#include <limits>

#include "jit/emit/vector_tail.h"
#include "jit/generator.h"
#include "kernels/pool/window_taps.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;

constexpr int kUnrolled = 4;  // vectors of channels side by side, so that their chains overlap

/// Channels are the outer loop, kUnrolled vectors at a time, then one, then the rest under a mask; taps the inner one.
class PoolGenerator final : public PoolCode, private jit::Generator {
 public:
  explicit PoolGenerator(const PoolCodeDesc& desc)
      : Generator(desc.name()), desc_(desc), tail_(*this, desc.isa, 1, kMask) {
    emit();
    function_ = finish<void (*)(const PoolCall*)>();
  }

 private:
  static constexpr int kCount = kUnrolled, kMask = kUnrolled + 1, kLoaded = kUnrolled + 2;

  Xmm vector(int index) const { return jit::vector_register(desc_.isa, index); }

  void emit() {
    const ScopedGpr offset = gpr_.take("offset"), left = gpr_.take("left");
    xor_(offset.cvt32(), offset.cvt32());
    mov(left, ptr[args_ + offsetof(PoolCall, channels)]);
    if (desc_.kind == PoolKind::kAverage) vbroadcastss(vector(kCount), ptr[args_ + offsetof(PoolCall, count)]);
    const int lanes = jit::lanes_of(desc_.isa);

    Xbyak::Label many, one, tail, done;
    L(many);
    cmp(left, kUnrolled * lanes);
    jl(one, T_NEAR);
    emit_vectors(offset, kUnrolled, false);
    add(offset, kUnrolled * lanes * 4);
    sub(left, kUnrolled * lanes);
    jmp(many, T_NEAR);

    L(one);
    cmp(left, lanes);
    jl(tail, T_NEAR);
    emit_vectors(offset, 1, false);
    add(offset, lanes * 4);
    sub(left, lanes);
    jmp(one, T_NEAR);

    L(tail);
    test(left, left);
    jz(done, T_NEAR);
    tail_.mark(left, gpr_.take("bits"));
    emit_vectors(offset, 1, true);
    L(done);
    leave();
  }

  void emit_vectors(const Reg64& offset, int vectors, bool masked) {
    const ScopedGpr taps = gpr_.take("taps"), left = gpr_.take("taps_left"), source = gpr_.take("source");
    constexpr uint32_t kLowest = 0xff800000u;  // -infinity
    for (int i = 0; i < vectors; ++i)
      jit::emit_load_constant(*this, desc_.isa, i, desc_.kind == PoolKind::kMax ? kLowest : 0);
    mov(taps, ptr[args_ + offsetof(PoolCall, taps)]);
    mov(left, ptr[args_ + offsetof(PoolCall, tap_count)]);
    Xbyak::Label next, end;
    test(left, left);
    jz(end, T_NEAR);
    L(next);
    mov(source, ptr[taps]);
    for (int i = 0; i < vectors; ++i) {
      const Xbyak::Address from = ptr[source + offset + i * jit::vector_bytes(desc_.isa)];
      if (masked) tail_.load(kLoaded, from);
      // max(x, best) keeps best when either is NaN.
      if (desc_.kind == PoolKind::kAverage && masked)
        vaddps(vector(i), vector(i), vector(kLoaded));
      else if (desc_.kind == PoolKind::kAverage)
        vaddps(vector(i), vector(i), from);
      else {
        if (!masked) vmovups(vector(kLoaded), from);
        vmaxps(vector(i), vector(kLoaded), vector(i));
      }
    }
    add(taps, 8);
    dec(left);
    jnz(next, T_NEAR);
    L(end);

    const ScopedGpr dst = gpr_.take("dst");
    mov(dst, ptr[args_ + offsetof(PoolCall, dst)]);
    for (int i = 0; i < vectors; ++i) {
      if (desc_.kind == PoolKind::kAverage) vdivps(vector(i), vector(i), vector(kCount));
      tail_.store(ptr[dst + offset + i * jit::vector_bytes(desc_.isa)], i, masked);
    }
  }

  const PoolCodeDesc desc_;
  jit::VectorTail tail_;
};

}  // namespace

std::string PoolCodeDesc::name() const {
  return concat("pool_", kind == PoolKind::kMax ? "max" : "average", "_f32_", jit::name_of(isa));
}

Result<PoolCodePtr> build_pool(const PoolCodeDesc& desc) {
  if (desc.kind == PoolKind::kLp) return Error{ErrorCode::kUnsupported, "pool: lp has plain loops only"};
  try {
    return PoolCodePtr(std::make_shared<PoolGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

void run_pool(const PoolDesc& desc, const PoolCode& code, const TensorView& src, const TensorView& dst, int64_t begin,
              int64_t end, const float** taps) {
  PoolCall call;
  call.taps = taps;
  call.channels = src.dims[desc.rank + 1];
  for_each_window(desc, src, dst, begin, end, reinterpret_cast<const std::byte**>(taps),
                  [&](int64_t tap_count, int64_t counted, std::byte* to) {
                    call.tap_count = tap_count;
                    call.count = static_cast<float>(counted);
                    call.dst = reinterpret_cast<float*>(to);
                    code(call);
                  });
}

}  // namespace tegula::kernels
