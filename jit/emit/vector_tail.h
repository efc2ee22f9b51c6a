#pragma once
#include "jit/generator.h"
#include "jit/vector/emit.h"

namespace tegula::jit {

/// Loads and stores of the first few 32-bit lanes of a vector; memory behind the others is not touched. The lanes
/// are marked in a mask register (AVX-512) or in a vector (AVX2) that the generator sets aside.
class VectorTail {
 public:
  VectorTail(Generator& code, VectorIsa isa, int opmask, int mask_vector)
      : code_(code), isa_(isa), opmask_(opmask), mask_vector_(mask_vector) {}

  /// Marks the first `count` lanes, 0 <= count < 256; all when there are fewer. Overwrites `scratch`.
  void mark(const Xbyak::Reg64& count, const Xbyak::Reg64& scratch);

  /// The other lanes become 0.
  void load(int reg, const Xbyak::Address& from);
  void store(const Xbyak::Address& to, int reg);
  /// All lanes unless `masked`: for loops whose body serves whole vectors and the tail.
  void load(int reg, const Xbyak::Address& from, bool masked);
  void store(const Xbyak::Address& to, int reg, bool masked);

  /// to = from in the marked lanes; the others keep what they hold. All lanes unless `masked`.
  void merge(int to, int from, bool masked);

  /// AVX-512: the mask register, for other masked instructions.
  Xbyak::Opmask opmask() const { return Xbyak::Opmask(opmask_); }

 private:
  Generator& code_;
  const VectorIsa isa_;
  const int opmask_, mask_vector_;
};

}  // namespace tegula::jit
