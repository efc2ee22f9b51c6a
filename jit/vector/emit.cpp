#include "jit/vector/emit.h"

#include <stdexcept>

namespace tegula::jit {
namespace {

using Xbyak::Address;
using Xbyak::Opmask;
using Xbyak::Xmm;

class Emitter {
 public:
  Emitter(Generator& code, VectorIsa isa, const LoadInput& load_input, const Xbyak::Reg64& spill_base, int spill_offset)
      : code_(code), isa_(isa), load_input_(load_input), spill_base_(spill_base), spill_offset_(spill_offset) {}

  void emit(const MachineStep& step) {
    using Kind = MachineStep::Kind;
    switch (step.kind) {
      case Kind::kCompute: return step.mask_register ? compute_mask(step) : compute(step);
      case Kind::kLoadInput: return load_input_(static_cast<int>(step.immediate), step.dst);
      case Kind::kLoadConstant: return emit_load_constant(code_, isa_, step.dst, step.immediate);
      case Kind::kMove:
        if (step.mask_register) return code_.kmovw(Opmask(step.dst), Opmask(step.source[0].reg));
        return code_.vmovaps(dst(step), reg(step.source[0].reg));
      case Kind::kSpill:
        if (step.mask_register) return code_.kmovw(slot(step), Opmask(step.dst));
        return code_.vmovups(slot(step), dst(step));
      case Kind::kReload:
        if (step.mask_register) return code_.kmovw(Opmask(step.dst), slot(step));
        return code_.vmovups(dst(step), slot(step));
    }
  }

 private:
  bool is_avx512() const { return isa_ == VectorIsa::kAvx512; }
  Xmm reg(int index) const { return vector_register(isa_, index); }
  Xmm dst(const MachineStep& step) const { return reg(step.dst); }
  Xmm source_reg(const MachineStep& step, int k) const {
    if (step.source[k].is_constant) throw std::logic_error("a constant where only a register can be");
    return reg(step.source[k].reg);
  }
  Address slot(const MachineStep& step) const {
    const int offset = spill_offset_ + static_cast<int>(step.immediate) * vector_bytes(isa_);
    return code_.ptr[spill_base_ + offset];
  }

  /// Calls `write` with source k as a register or as a constant in memory.
  template <typename Write>
  void with_source(const MachineStep& step, int k, const Write& write) const {
    if (step.source[k].is_constant) {
      write(static_cast<const Xbyak::Operand&>(code_.constant(isa_, step.source[k].bits)));
    } else {
      write(static_cast<const Xbyak::Operand&>(reg(step.source[k].reg)));
    }
  }

  void compute(const MachineStep& step) {
    const Xmm d = dst(step);
    if (step.op == VectorOp::kFma || step.op == VectorOp::kFnma) return compute_fma(step);
    if (step.op == VectorOp::kSelect) return compute_select(step);
    const Xmm a = source_reg(step, 0);
    switch (arity_of(step.op)) {
      case 1: return compute_unary(step, d, a);
      default: with_source(step, 1, [&](const Xbyak::Operand& b) { compute_binary(step, d, a, b); });
    }
  }

  void compute_unary(const MachineStep& step, const Xmm& d, const Xmm& a) {
    const auto immediate = static_cast<uint8_t>(step.immediate);
    constexpr uint8_t kQuiet = 8;  // no inexact exception
    switch (step.op) {
      case VectorOp::kSqrt: return code_.vsqrtps(d, a);
      case VectorOp::kRound:
        if (is_avx512()) return code_.vrndscaleps(d, a, immediate | kQuiet);
        return code_.vroundps(d, a, immediate | kQuiet);
      case VectorOp::kShiftLeft: return code_.vpslld(d, a, immediate);
      case VectorOp::kShiftRight: return code_.vpsrld(d, a, immediate);
      case VectorOp::kShiftRightSigned: return code_.vpsrad(d, a, immediate);
      case VectorOp::kToInt: return code_.vcvtps2dq(d, a);
      case VectorOp::kTruncate: return code_.vcvttps2dq(d, a);
      case VectorOp::kToFloat: return code_.vcvtdq2ps(d, a);
      case VectorOp::kMaskNot: return code_.vxorps(d, a, code_.constant(isa_, 0xFFFFFFFFU));  // AVX2
      default: throw std::logic_error("not a unary operation");
    }
  }

  void compute_binary(const MachineStep& step, const Xmm& d, const Xmm& a, const Xbyak::Operand& b) {
    switch (step.op) {
      case VectorOp::kAdd: return code_.vaddps(d, a, b);
      case VectorOp::kSub: return code_.vsubps(d, a, b);
      case VectorOp::kMul: return code_.vmulps(d, a, b);
      case VectorOp::kDiv: return code_.vdivps(d, a, b);
      case VectorOp::kMin: return code_.vminps(d, a, b);
      case VectorOp::kMax: return code_.vmaxps(d, a, b);
      case VectorOp::kScale: return code_.vscalefps(d, a, b);
      case VectorOp::kMaskAnd:  // AVX2 masks are vectors
      case VectorOp::kAnd: return code_.vandps(d, a, b);
      case VectorOp::kMaskOr:
      case VectorOp::kOr: return code_.vorps(d, a, b);
      case VectorOp::kMaskXor:
      case VectorOp::kXor: return code_.vxorps(d, a, b);
      case VectorOp::kAndNot: return code_.vandnps(d, a, b);
      case VectorOp::kIntAdd: return code_.vpaddd(d, a, b);
      case VectorOp::kIntSub: return code_.vpsubd(d, a, b);
      case VectorOp::kIntMul: return code_.vpmulld(d, a, b);
      case VectorOp::kIntMin: return code_.vpminsd(d, a, b);
      case VectorOp::kIntMax: return code_.vpmaxsd(d, a, b);
      case VectorOp::kCompare: return code_.vcmpps(d, a, b, static_cast<uint8_t>(step.immediate));
      case VectorOp::kIntEqual: return code_.vpcmpeqd(d, a, b);
      case VectorOp::kIntGreater: return code_.vpcmpgtd(d, a, b);
      default: throw std::logic_error("not a binary operation");
    }
  }

  /// 132: d = d * s3 + s2; 213: d = s2 * d + s3; 231: d = s2 * s3 + d. Only s3 may be in memory.
  void compute_fma(const MachineStep& step) {
    const Xmm d = dst(step);
    const bool negate = step.op == VectorOp::kFnma;
    if (step.tied == 2) {
      const int in_memory = step.source[0].is_constant ? 0 : 1;
      const Xmm factor = source_reg(step, 1 - in_memory);
      return with_source(step, in_memory, [&](const Xbyak::Operand& other) {
        negate ? code_.vfnmadd231ps(d, factor, other) : code_.vfmadd231ps(d, factor, other);
      });
    }
    const int other_factor = 1 - step.tied;
    if (step.source[other_factor].is_constant) {
      const Xmm addend = source_reg(step, 2);
      return with_source(step, other_factor, [&](const Xbyak::Operand& factor) {
        negate ? code_.vfnmadd132ps(d, addend, factor) : code_.vfmadd132ps(d, addend, factor);
      });
    }
    const Xmm factor = source_reg(step, other_factor);
    with_source(step, 2, [&](const Xbyak::Operand& addend) {
      negate ? code_.vfnmadd213ps(d, factor, addend) : code_.vfmadd213ps(d, factor, addend);
    });
  }

  void compute_select(const MachineStep& step) {
    const Xmm d = dst(step);
    const bool else_zero = step.source[2].is_constant;
    if (is_avx512()) {
      const Opmask mask(step.source[0].reg);
      if (else_zero) return code_.vmovaps(d | mask | Xbyak::util::T_z, source_reg(step, 1));
      return with_source(step, 1,
                         [&](const Xbyak::Operand& then) { code_.vblendmps(d | mask, source_reg(step, 2), then); });
    }
    const Xmm mask = source_reg(step, 0);
    if (else_zero) return code_.vandps(d, mask, source_reg(step, 1));
    with_source(step, 1, [&](const Xbyak::Operand& then) { code_.vblendvps(d, source_reg(step, 2), then, mask); });
  }

  /// AVX-512: the result is a k register.
  void compute_mask(const MachineStep& step) {
    const Opmask d(step.dst);
    switch (step.op) {
      case VectorOp::kMaskAnd: return code_.kandw(d, Opmask(step.source[0].reg), Opmask(step.source[1].reg));
      case VectorOp::kMaskOr: return code_.korw(d, Opmask(step.source[0].reg), Opmask(step.source[1].reg));
      case VectorOp::kMaskXor: return code_.kxorw(d, Opmask(step.source[0].reg), Opmask(step.source[1].reg));
      case VectorOp::kMaskNot: return code_.knotw(d, Opmask(step.source[0].reg));
      default: break;
    }
    const Xmm a = source_reg(step, 0);
    with_source(step, 1, [&](const Xbyak::Operand& b) {
      switch (step.op) {
        case VectorOp::kCompare: return code_.vcmpps(d, a, b, static_cast<uint8_t>(step.immediate));
        case VectorOp::kIntEqual: return code_.vpcmpeqd(d, a, b);
        case VectorOp::kIntGreater: return code_.vpcmpgtd(d, a, b);
        default: throw std::logic_error("not an operation that gives a mask");
      }
    });
  }

  Generator& code_;
  const VectorIsa isa_;
  const LoadInput& load_input_;
  const Xbyak::Reg64 spill_base_;
  const int spill_offset_;
};

}  // namespace

void emit_vector_program(Generator& code, VectorIsa isa, const Allocation& allocation, const LoadInput& load_input,
                         const Xbyak::Reg64& spill_base, int spill_offset) {
  Emitter emitter(code, isa, load_input, spill_base, spill_offset);
  for (const MachineStep& step : allocation.steps) emitter.emit(step);
}

void emit_load_constant(Generator& code, VectorIsa isa, int reg, uint32_t bits) {
  const Xmm vector = vector_register(isa, reg);
  if (bits == 0) {
    code.vxorps(Xmm(reg), Xmm(reg), Xmm(reg));  // zeroes the whole register
    return;
  }
  code.vbroadcastss(vector, code.constant_dword(isa, bits));
}

}  // namespace tegula::jit
