#include "jit/emit/bf16_rounding.h"

#include <array>
#include <utility>

#include "jit/vector/emit.h"

namespace tegula::jit {

using Xbyak::Xmm;
using Xbyak::Ymm;

namespace {

constexpr uint32_t kBelowHalf = 0x7fff;  // of the last bit that stays, in units of the last that goes
constexpr uint32_t kExponent = 0x7f800000;
constexpr uint8_t kHalfBits = 16;
constexpr uint8_t kUnordered = 3;

/// vfpclassps finds what is not simply rounded: quiet and signalling NaN, subnormals.
constexpr uint8_t kNanOrSubnormal = 0x01 | 0x80 | 0x20;
/// vfixupimmps replaces it by its class, four bits each: NaN (0, 1) by a quiet NaN of its bits, what is negative (6) or
/// positive (7) and then subnormal by -0 or +0.
constexpr uint32_t kReplacements = 0x2 | 0x2 << 4 | 0x7 << 24 | 0x8U << 28;

}  // namespace

int Bf16Rounding::registers(VectorIsa isa, bool instructions) {
  if (isa == VectorIsa::kAvx2) return 3;
  return instructions ? 0 : 5;
}

Bf16Rounding::Bf16Rounding(Generator& code, VectorIsa isa, bool instructions, std::vector<int> registers,
                           Xbyak::Opmask mask)
    : code_(code), isa_(isa), instructions_(instructions), registers_(std::move(registers)), mask_(mask) {}

Xmm Bf16Rounding::vector(int i) const {
  return vector_register(isa_, registers_[static_cast<std::size_t>(i)]);
}

void Bf16Rounding::emit_constants() const {
  if (isa_ == VectorIsa::kAvx2) return code_.vpxor(vector(2), vector(2), vector(2));
  if (instructions_) return;
  code_.vpbroadcastd(vector(1), code_.constant_dword(isa_, 1));
  code_.vpbroadcastd(vector(2), code_.constant_dword(isa_, kBelowHalf));
  code_.vpbroadcastd(vector(3), code_.constant_dword(isa_, kReplacements));
  std::array<uint32_t, 16> upper_words{};  // the words 1, 3, 5, ... 31
  for (uint32_t i = 0; i < 8; ++i) upper_words[i] = (4 * i + 1) | (4 * i + 3) << kHalfBits;
  code_.vmovups(vector(4), code_.table(upper_words));
}

void Bf16Rounding::emit_round(int x) const {
  const Xmm value = vector_register(isa_, x);
  if (instructions_) return code_.vcvtneps2bf16(Ymm(x), value);
  const Xmm rounded = vector(0);
  code_.vpsrld(rounded, value, kHalfBits);
  if (isa_ == VectorIsa::kAvx512) {
    const Xmm one = vector(1), below_half = vector(2), replacements = vector(3), upper_words = vector(4);
    code_.vpandd(rounded, rounded, one);
    code_.vpaddd(rounded, rounded, below_half);
    code_.vpaddd(rounded, rounded, value);
    code_.vfpclassps(mask_, value, kNanOrSubnormal);
    code_.vfixupimmps(rounded | mask_, value, replacements, 0);
    return code_.vpermw(value, upper_words, rounded);
  }
  const Xmm special = vector(1), zero = vector(2);
  code_.vpand(rounded, rounded, code_.constant(isa_, 1));
  code_.vpaddd(rounded, rounded, code_.constant(isa_, kBelowHalf));
  code_.vpaddd(rounded, rounded, value);
  code_.vcmpps(special, value, value, kUnordered);  // NaN: all ones are one
  code_.vpor(rounded, rounded, special);
  code_.vpand(special, value, code_.constant(isa_, kExponent));
  code_.vpcmpeqd(special, special, zero);
  code_.vpsrld(special, special, 1);  // of subnormals the sign stays
  code_.vpandn(rounded, special, rounded);
  code_.vpsrld(value, rounded, kHalfBits);
}

}  // namespace tegula::jit
