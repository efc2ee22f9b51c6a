#include "jit/emit/vector_tail.h"

namespace tegula::jit {

void VectorTail::mark(const Xbyak::Reg64& count, const Xbyak::Reg64& scratch) {
  if (isa_ == VectorIsa::kAvx512) {
    code_.mov(scratch.cvt32(), 0xffff);
    code_.bzhi(scratch.cvt32(), scratch.cvt32(), count.cvt32());  // reads the low 8 bits of the count
    code_.kmovw(opmask(), scratch.cvt32());
    return;
  }
  static constexpr uint32_t kLaneNumbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  const Xbyak::Ymm mask(mask_vector_);
  code_.vmovd(Xbyak::Xmm(mask_vector_), count.cvt32());
  code_.vpbroadcastd(mask, Xbyak::Xmm(mask_vector_));
  code_.vpcmpgtd(mask, mask, code_.table(kLaneNumbers));
}

void VectorTail::load(int reg, const Xbyak::Address& from) {
  if (isa_ == VectorIsa::kAvx512) {
    code_.vmovups(Xbyak::Zmm(reg) | opmask() | Xbyak::util::T_z, from);
  } else {
    code_.vmaskmovps(Xbyak::Ymm(reg), Xbyak::Ymm(mask_vector_), from);
  }
}

void VectorTail::store(const Xbyak::Address& to, int reg) {
  if (isa_ == VectorIsa::kAvx512) {
    code_.vmovups(to | opmask(), Xbyak::Zmm(reg));
  } else {
    code_.vmaskmovps(to, Xbyak::Ymm(mask_vector_), Xbyak::Ymm(reg));
  }
}

void VectorTail::load(int reg, const Xbyak::Address& from, bool masked) {
  if (masked) return load(reg, from);
  code_.vmovups(vector_register(isa_, reg), from);
}

void VectorTail::store(const Xbyak::Address& to, int reg, bool masked) {
  if (masked) return store(to, reg);
  code_.vmovups(to, vector_register(isa_, reg));
}

void VectorTail::merge(int to, int from, bool masked) {
  if (!masked) {
    code_.vmovaps(vector_register(isa_, to), vector_register(isa_, from));
  } else if (isa_ == VectorIsa::kAvx512) {
    code_.vmovaps(Xbyak::Zmm(to) | opmask(), Xbyak::Zmm(from));
  } else {
    code_.vblendvps(Xbyak::Ymm(to), Xbyak::Ymm(to), Xbyak::Ymm(from), Xbyak::Ymm(mask_vector_));
  }
}

}  // namespace tegula::jit
