#pragma once
#include <vector>

#include "jit/generator.h"
#include "jit/vector_isa.h"

namespace tegula::jit {

/// fp32 in registers to bf16 as bf16_from_f32() (kernels/float16.h) has it: nearest even, subnormals to zero, NaN
/// quiet; without AVX-512 the other bits of a NaN are lost.
///
/// What comes out are words, one per lane: with AVX-512 one after another in the lower half of the register, with AVX2
/// in the lower half of each lane.
class Bf16Rounding {
 public:
  /// Registers that it needs. `instructions`: AVX-512 BF16.
  static int registers(VectorIsa isa, bool instructions);

  /// `registers`: the numbers of as many. AVX-512 without the instructions also overwrites `mask`.
  Bf16Rounding(Generator& code, VectorIsa isa, bool instructions, std::vector<int> registers, Xbyak::Opmask mask);

  /// Constants into the registers, which keep them from here on.
  void emit_constants() const;
  /// The 16 (AVX2: 8) elements of register `x`, in place.
  void emit_round(int x) const;

 private:
  Xbyak::Xmm vector(int i) const;  // the i-th of the registers

  Generator& code_;
  VectorIsa isa_;
  bool instructions_;
  std::vector<int> registers_;
  Xbyak::Opmask mask_;
};

}  // namespace tegula::jit
