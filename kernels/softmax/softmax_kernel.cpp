#include "kernels/softmax/softmax_kernel.h"

#include <cstddef>

#include "jit/emit/vector_tail.h"
#include "jit/generator.h"
#include "jit/vector/emit.h"
#include "kernels/math/recorded.h"
// The templates find recorded.h's operations by the types of their arguments.
#include "kernels/math/exp.h"
#include "kernels/math/log.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using math::RecordedFloat;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

constexpr int kLanes = 16;
constexpr uint32_t kLowest = 0xff800000u;  // -infinity

/// Three passes over the row: x and its maximum; e^(x - m) and its sum; the division or subtraction. 16 lanes, which
/// are one zmm or two ymm; the lane accumulators come first, then one register for each other use.
class SoftmaxGenerator final : public SoftmaxCode, private jit::Generator {
 public:
  explicit SoftmaxGenerator(const SoftmaxCodeDesc& desc)
      : Generator(desc.name()), desc_(desc), tail_(*this, desc.isa, kTailOpmask, kTailMask) {
    enter(kStackBytes);
    emit();
    leave();
    function_ = finish<void (*)(const SoftmaxCall*)>();
  }

 private:
  static constexpr int kAccumulator = 0, kX = 2, kResult = 3, kShared = 4, kTailMask = 5, kFirstFree = 6;
  static constexpr int kTailOpmask = 1;
  static constexpr int kStackBytes = 1024;

  bool avx512() const { return desc_.isa == VectorIsa::kAvx512; }
  int lanes() const { return jit::lanes_of(desc_.isa); }
  Xmm vector(int index) const { return jit::vector_register(desc_.isa, index); }

  void emit() {
    const ScopedGpr offset = gpr_.take("offset"), left = gpr_.take("left");
    emit_maximum(offset, left);
    emit_lane_tree(true);  // leaves the result in every lane of kShared
    emit_exponentials(offset, left);
    emit_lane_tree(false);
    emit_final(offset, left);
  }

  /// body(vector of 16 lanes: 0 or 1, masked) for the whole row; `offset` is that of the 16 elements, in bytes.
  template <typename Body>
  void for_each_vector(const Reg64& offset, const Reg64& left, Body&& body) {
    Xbyak::Label next, tail, done;
    xor_(offset.cvt32(), offset.cvt32());
    mov(left, ptr[args_ + offsetof(SoftmaxCall, n)]);
    L(next);
    cmp(left, kLanes);
    jl(tail, T_NEAR);
    for (int i = 0; i < kLanes / lanes(); ++i) body(i, false);
    add(offset, kLanes * 4);
    sub(left, kLanes);
    jmp(next, T_NEAR);
    L(tail);
    for (int i = 0; i < kLanes / lanes(); ++i) {
      test(left, left);
      jle(done, T_NEAR);
      tail_.mark(left, gpr_.take("bits"));
      body(i, true);
      sub(left, lanes());
    }
    L(done);
  }

  void emit_maximum(const Reg64& offset, const Reg64& left) {
    const ScopedGpr src = gpr_.take("src"), dst = gpr_.take("dst"), mask = gpr_.take("mask");
    mov(src, ptr[args_ + offsetof(SoftmaxCall, src)]);
    mov(dst, ptr[args_ + offsetof(SoftmaxCall, dst)]);
    if (desc_.mask) mov(mask, ptr[args_ + offsetof(SoftmaxCall, mask)]);
    vbroadcastss(vector(kShared), ptr[args_ + offsetof(SoftmaxCall, scale)]);
    for (int i = 0; i < kLanes / lanes(); ++i)
      vbroadcastss(vector(kAccumulator + i), constant_dword(desc_.isa, kLowest));
    for_each_vector(offset, left, [&](int i, bool masked) {
      const int at = i * jit::vector_bytes(desc_.isa);
      tail_.load(kX, ptr[src + offset + at], masked);
      if (desc_.mask) {
        tail_.load(kResult, ptr[mask + offset + at], masked);
        vfmadd132ps(vector(kX), vector(kResult), vector(kShared));
      } else {
        vmulps(vector(kX), vector(kX), vector(kShared));
      }
      tail_.store(ptr[dst + offset + at], kX, masked);
      emit_larger(vector(kResult), vector(kAccumulator + i), vector(kX));
      tail_.merge(kAccumulator + i, kResult, masked);  // lanes that do not exist take no part
    });
  }

  void emit_exponentials(const Reg64& offset, const Reg64& left) {
    const ScopedGpr dst = gpr_.take("dst");
    mov(dst, ptr[args_ + offsetof(SoftmaxCall, dst)]);
    for (int i = 0; i < kLanes / lanes(); ++i) jit::emit_load_constant(*this, desc_.isa, kAccumulator + i, 0);
    for_each_vector(offset, left, [&](int i, bool masked) {
      const Xbyak::Address at = ptr[dst + offset + i * jit::vector_bytes(desc_.isa)];
      tail_.load(kX, at, masked);
      vsubps(vector(kX), vector(kX), vector(kShared));
      if (desc_.log) tail_.store(at, kX, masked);
      emit_function(kX, [](const RecordedFloat& x) { return math::exp_of_nonpositive(x); });
      if (!desc_.log) tail_.store(at, kX, masked);
      vaddps(vector(kResult), vector(kAccumulator + i), vector(kX));
      tail_.merge(kAccumulator + i, kResult, masked);  // lanes that do not exist take no part
    });
  }

  void emit_final(const Reg64& offset, const Reg64& left) {
    const ScopedGpr dst = gpr_.take("dst");
    mov(dst, ptr[args_ + offsetof(SoftmaxCall, dst)]);
    if (desc_.log) {
      emit_function(kShared, [](const RecordedFloat& x) { return math::log(x); });
    } else {
      vbroadcastss(vector(kX), constant_dword(desc_.isa, 0x3f800000u));
      vdivps(vector(kShared), vector(kX), vector(kShared));
    }
    for_each_vector(offset, left, [&](int i, bool masked) {
      const Xbyak::Address at = ptr[dst + offset + i * jit::vector_bytes(desc_.isa)];
      tail_.load(kX, at, masked);
      if (desc_.log)
        vsubps(vector(kX), vector(kX), vector(kShared));
      else
        vmulps(vector(kX), vector(kX), vector(kShared));
      tail_.store(at, kX, masked);
    });
  }

  /// Register `index` = function(register `index`).
  template <typename Body>
  void emit_function(int index, Body&& body) {
    jit::VectorProgram program;
    const RecordedFloat x = math::recorded<RecordedFloat>(program, {.op = jit::VectorOp::kInput, .immediate = 0});
    program.outputs = {body(x).id};
    jit::VectorBindings bindings;
    bindings.inputs = {{.reg = index, .overwrite = true}};
    for (int i = kFirstFree; i < jit::vector_registers(desc_.isa); ++i) bindings.vectors.push_back(i);
    bindings.vectors.push_back(kResult);
    if (avx512()) bindings.masks = {2, 3, 4, 5, 6, 7};  // all but kTailOpmask
    bindings.output = index;
    const auto allocation = jit::allocate(jit::lower(program.without_dead_code(), desc_.isa), desc_.isa, bindings);
    if (!allocation || allocation->spill_slots * jit::vector_bytes(desc_.isa) > kStackBytes)
      throw std::logic_error(name() + ": too few registers");
    jit::emit_vector_program(*this, desc_.isa, *allocation, [](int, int) {}, rsp, 0);
  }

  /// Joins the lane accumulators and leaves the result in every lane of kShared. The maximum is NaN when a lane is.
  void emit_lane_tree(bool maximum) {
    if (avx512()) vextractf64x4(Ymm(1), Zmm(0), 1);
    emit_join(maximum, Ymm(0), Ymm(1), Ymm(kResult));
    vextractf128(Xmm(1), Ymm(0), 1);
    emit_join(maximum, Xmm(0), Xmm(1), Xmm(kResult));
    vmovhlps(Xmm(1), Xmm(0), Xmm(0));
    emit_join(maximum, Xmm(0), Xmm(1), Xmm(kResult));
    vmovshdup(Xmm(1), Xmm(0));
    emit_join(maximum, Xmm(0), Xmm(1), Xmm(kResult));
    vbroadcastss(vector(kShared), Xmm(0));
  }

  void emit_join(bool maximum, const Xmm& a, const Xmm& b, const Xmm& scratch) {
    if (!maximum) {
      vaddps(a, a, b);
      return;
    }
    emit_larger(scratch, a, b);
    vmovaps(a, scratch);
  }

  /// result = a is NaN ? a : b is NaN ? b : a > b ? a : b; max gives b in the last three. Any width.
  void emit_larger(const Xmm& result, const Xmm& a, const Xmm& b) {
    constexpr uint8_t kUnordered = 3;
    vmaxps(result, a, b);
    if (avx512()) {
      vcmpps(k2, a, a, kUnordered);
      vmovaps(result | k2, a);
    } else if (a.isYMM()) {
      vcmpps(Ymm(kFirstFree), a, a, kUnordered);
      vblendvps(result, result, a, Ymm(kFirstFree));
    } else {
      vcmpps(Xmm(kFirstFree), a, a, kUnordered);
      vblendvps(result, result, a, Xmm(kFirstFree));
    }
  }

  const SoftmaxCodeDesc desc_;
  jit::VectorTail tail_;
};

}  // namespace

std::string SoftmaxCodeDesc::name() const {
  return concat(log ? "log_softmax" : "softmax", mask ? "_mask" : "", "_f32_", jit::name_of(isa));
}

Result<SoftmaxCodePtr> build_softmax(const SoftmaxCodeDesc& desc) {
  try {
    return SoftmaxCodePtr(std::make_shared<SoftmaxGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
