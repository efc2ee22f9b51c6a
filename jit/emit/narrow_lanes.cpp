#include "jit/emit/narrow_lanes.h"

#include "jit/vector/emit.h"

namespace tegula::jit {

using Xbyak::Address;
using Xbyak::Opmask;
using Xbyak::Xmm;
using Xbyak::Ymm;

void emit_load_lanes(Generator& code, VectorIsa isa, DType type, int reg, const Address& from,
                     std::optional<Opmask> mask) {
  const Xmm whole = vector_register(isa, reg);
  const Xmm to = mask ? whole | *mask | Xbyak::util::T_z : whole;
  switch (type) {
    case DType::kU8: return code.vpmovzxbd(to, from);
    case DType::kS8: return code.vpmovsxbd(to, from);
    case DType::kBF16: code.vpmovzxwd(to, from); return code.vpslld(whole, whole, 16);
    default: return code.vmovups(to, from);
  }
}

void emit_store_lanes(Generator& code, VectorIsa isa, DType type, const Address& to, int reg, const int (&scratch)[2],
                      std::optional<Opmask> mask, bool convert_to_bf16) {
  const Xmm lanes = vector_register(isa, reg);
  const Address place = mask ? to | *mask : to;
  if (size_of(type) == 4) return code.vmovups(place, lanes);
  if (isa == VectorIsa::kAvx512) {
    if (size_of(type) == 1) return code.vpmovdb(place, lanes);
    if (convert_to_bf16) {
      code.vcvtneps2bf16(Ymm(scratch[0]), lanes);
      return code.vmovdqu16(place, Ymm(scratch[0]));
    }
    code.vpsrld(vector_register(isa, scratch[0]), lanes, 16);
    return code.vpmovdw(place, vector_register(isa, scratch[0]));
  }
  const Xmm low(scratch[0]), high(scratch[1]);
  if (type == DType::kBF16) {
    code.vpsrld(Ymm(scratch[0]), lanes, 16);
    code.vextracti128(high, Ymm(scratch[0]), 1);
    code.vpackusdw(low, low, high);
    return code.vmovdqu(place, low);
  }
  code.vextracti128(high, Ymm(reg), 1);
  code.vpackssdw(low, Xmm(reg), high);
  type == DType::kS8 ? code.vpacksswb(low, low, low) : code.vpackuswb(low, low, low);
  code.vmovq(place, low);
}

}  // namespace tegula::jit
