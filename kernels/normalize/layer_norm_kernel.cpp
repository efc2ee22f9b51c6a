#include "kernels/normalize/layer_norm_kernel.h"

#include <cstddef>

#include "jit/emit/vector_tail.h"
#include "jit/generator.h"
#include "kernels/normalize/layer_norm.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

constexpr int kLanes = kLayerNormLanes;

/// Three passes over the row: x and its sum; the sum of squares; the results. 64 lanes, which are four zmm or eight
/// ymm.
class LayerNormGenerator final : public LayerNormCode, private jit::Generator {
 public:
  explicit LayerNormGenerator(const LayerNormCodeDesc& desc)
      : Generator(desc.name()), desc_(desc), tail_(*this, desc.isa, 1, kTailMask) {
    enter();
    emit();
    leave();
    function_ = finish<void (*)(const LayerNormCall*)>();
  }

 private:
  // The lane accumulators come first; then one register for each use.
  static constexpr int kX = 8, kOther = 9, kMean = 10, kInverse = 11, kTailMask = 12;

  bool avx512() const { return desc_.isa == VectorIsa::kAvx512; }
  int lanes() const { return jit::lanes_of(desc_.isa); }
  int vectors() const { return kLanes / lanes(); }
  Xmm vector(int index) const { return jit::vector_register(desc_.isa, index); }

  void emit() {
    const ScopedGpr offset = gpr_.take("offset"), left = gpr_.take("left"), x = gpr_.take("x");
    mov(x, ptr[args_ + (desc_.residual ? offsetof(LayerNormCall, sum) : offsetof(LayerNormCall, src))]);
    emit_sum(offset, left, x);
    emit_squares(offset, left, x);
    emit_results(offset, left, x);
  }

  /// body(address offset of a vector within the 64 elements, its number, masked) for the whole row.
  template <typename Body>
  void for_each_vector(const Reg64& offset, const Reg64& left, Body&& body) {
    Xbyak::Label next, tail, done;
    xor_(offset.cvt32(), offset.cvt32());
    mov(left, ptr[args_ + offsetof(LayerNormCall, n)]);
    L(next);
    cmp(left, kLanes);
    jl(tail, T_NEAR);
    for (int i = 0; i < vectors(); ++i) body(i, false);
    add(offset, kLanes * 4);
    sub(left, kLanes);
    jmp(next, T_NEAR);
    L(tail);
    for (int i = 0; i < vectors(); ++i) {
      test(left, left);
      jle(done, T_NEAR);
      tail_.mark(left, gpr_.take("bits"));
      body(i, true);
      sub(left, lanes());
    }
    L(done);
  }

  Xbyak::Address at(const Reg64& base, const Reg64& offset, int i) {
    return ptr[base + offset + i * jit::vector_bytes(desc_.isa)];
  }

  /// x, where there is a residual, and the mean; a masked-off lane adds 0.
  void emit_sum(const Reg64& offset, const Reg64& left, const Reg64& x) {
    for (int i = 0; i < vectors(); ++i) jit::emit_load_constant(*this, desc_.isa, i, 0);
    if (desc_.residual || !desc_.rms) {
      const ScopedGpr src = gpr_.take("src"), residual = gpr_.take("residual");
      mov(src, ptr[args_ + offsetof(LayerNormCall, src)]);
      if (desc_.residual) mov(residual, ptr[args_ + offsetof(LayerNormCall, residual)]);
      for_each_vector(offset, left, [&](int i, bool masked) {
        tail_.load(kX, at(src, offset, i), masked);
        if (desc_.residual) {
          tail_.load(kOther, at(residual, offset, i), masked);
          vaddps(vector(kX), vector(kX), vector(kOther));
          tail_.store(at(x, offset, i), kX, masked);
        }
        if (!desc_.rms) vaddps(vector(i), vector(i), vector(kX));
      });
    }
    emit_lane_tree();
    vdivss(Xmm(0), Xmm(0), dword[args_ + offsetof(LayerNormCall, count)]);
    if (desc_.rms) vxorps(Xmm(0), Xmm(0), Xmm(0));
    emit_statistic(offsetof(LayerNormCall, mean), kMean);
  }

  void emit_squares(const Reg64& offset, const Reg64& left, const Reg64& x) {
    for (int i = 0; i < vectors(); ++i) jit::emit_load_constant(*this, desc_.isa, i, 0);
    for_each_vector(offset, left, [&](int i, bool masked) {
      tail_.load(kX, at(x, offset, i), masked);
      emit_centred(masked);
      vfmadd231ps(vector(i), vector(kX), vector(kX));
    });
    emit_lane_tree();
    vdivss(Xmm(0), Xmm(0), dword[args_ + offsetof(LayerNormCall, count)]);
    vaddss(Xmm(0), Xmm(0), dword[args_ + offsetof(LayerNormCall, epsilon)]);
    vsqrtss(Xmm(0), Xmm(0), Xmm(0));
    vmovss(Xmm(1), constant_dword(desc_.isa, 0x3f800000u));
    vdivss(Xmm(0), Xmm(1), Xmm(0));
    emit_statistic(offsetof(LayerNormCall, inverse), kInverse);
  }

  void emit_results(const Reg64& offset, const Reg64& left, const Reg64& x) {
    const ScopedGpr dst = gpr_.take("dst"), scale = gpr_.take("scale"), bias = gpr_.take("bias");
    mov(dst, ptr[args_ + offsetof(LayerNormCall, dst)]);
    if (desc_.scale) mov(scale, ptr[args_ + offsetof(LayerNormCall, scale)]);
    if (desc_.bias) mov(bias, ptr[args_ + offsetof(LayerNormCall, bias)]);
    for_each_vector(offset, left, [&](int i, bool masked) {
      tail_.load(kX, at(x, offset, i), masked);
      vsubps(vector(kX), vector(kX), vector(kMean));
      vmulps(vector(kX), vector(kX), vector(kInverse));
      if (desc_.scale) tail_.load(kOther, at(scale, offset, i), masked);
      if (desc_.scale && desc_.bias) {
        tail_.load(0, at(bias, offset, i), masked);
        vfmadd132ps(vector(kX), vector(0), vector(kOther));
      } else if (desc_.scale) {
        vmulps(vector(kX), vector(kX), vector(kOther));
      } else if (desc_.bias) {
        tail_.load(kOther, at(bias, offset, i), masked);
        vaddps(vector(kX), vector(kX), vector(kOther));
      }
      tail_.store(at(dst, offset, i), kX, masked);
    });
  }

  /// kX -= mean; masked-off lanes become 0, so that they add nothing.
  void emit_centred(bool masked) {
    if (masked && avx512()) {
      vsubps(Zmm(kX) | tail_.opmask() | T_z, Zmm(kX), Zmm(kMean));
      return;
    }
    vsubps(vector(kX), vector(kX), vector(kMean));
    if (masked) vandps(vector(kX), vector(kX), vector(kTailMask));
  }

  /// Xmm(0) to where the call wants it, and into every lane of `shared`.
  void emit_statistic(std::size_t field, int shared) {
    const ScopedGpr to = gpr_.take("statistic");
    mov(to, ptr[args_ + field]);
    vmovss(dword[to], Xmm(0));
    vbroadcastss(vector(shared), Xmm(0));
  }

  void emit_lane_tree() {
    for (int half = vectors() / 2; half > 0; half /= 2)
      for (int i = 0; i < half; ++i) vaddps(vector(i), vector(i), vector(i + half));
    if (avx512()) {
      vextractf64x4(Ymm(1), Zmm(0), 1);
      vaddps(Ymm(0), Ymm(0), Ymm(1));
    }
    vextractf128(Xmm(1), Ymm(0), 1);
    vaddps(Xmm(0), Xmm(0), Xmm(1));
    vmovhlps(Xmm(1), Xmm(0), Xmm(0));
    vaddps(Xmm(0), Xmm(0), Xmm(1));
    vmovshdup(Xmm(1), Xmm(0));
    vaddss(Xmm(0), Xmm(0), Xmm(1));
  }

  const LayerNormCodeDesc desc_;
  jit::VectorTail tail_;
};

}  // namespace

std::string LayerNormCodeDesc::name() const {
  return concat(rms ? "rms_norm" : "layer_norm", residual ? "_residual" : "", scale ? "_scale" : "",
                bias ? "_bias" : "", "_f32_", jit::name_of(isa));
}

Result<LayerNormCodePtr> build_layer_norm(const LayerNormCodeDesc& desc) {
  try {
    return LayerNormCodePtr(std::make_shared<LayerNormGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
