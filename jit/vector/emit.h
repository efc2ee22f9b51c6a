#pragma once
#include <functional>

#include "jit/generator.h"
#include "jit/vector/allocate.h"

namespace tegula::jit {

/// The register `index` as the ISA's full vector: zmm or ymm.
inline Xbyak::Xmm vector_register(VectorIsa isa, int index) {
  if (isa == VectorIsa::kAvx512) return Xbyak::Zmm(index);
  return Xbyak::Ymm(index);
}

/// Emits the load of an input into a register of its kind: a vector, or a mask register (AVX-512) where the
/// program's input is a mask.
using LoadInput = std::function<void(int input, int reg)>;

/// Writes an allocation's instructions. Spill slot i is vector_bytes(isa) bytes at
/// [spill_base + spill_offset + i * vector_bytes(isa)].
void emit_vector_program(Generator& code, VectorIsa isa, const Allocation& allocation, const LoadInput& load_input,
                         const Xbyak::Reg64& spill_base, int spill_offset);

/// Loads a constant into every lane of a vector register.
void emit_load_constant(Generator& code, VectorIsa isa, int reg, uint32_t bits);

}  // namespace tegula::jit
