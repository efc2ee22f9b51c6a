#include "tests/support/amx_instruction.h"

#include <cstring>

namespace tegula::test {
namespace {

/// The prefix that a VEX prefix stands for.
enum Prefix : int { kNoPrefix = 0, k66 = 1, kF3 = 2, kF2 = 3 };

struct Encoding {
  uint8_t opcode;
  Prefix prefix;
  enum Form { kMemory, kSibMemory, kNothing, kTile, kThreeTiles } form;
  AmxOp op;
};

constexpr Encoding kEncodings[] = {
    {0x49, kNoPrefix, Encoding::kMemory, AmxOp::kLoadConfig}, {0x49, kNoPrefix, Encoding::kNothing, AmxOp::kRelease},
    {0x49, k66, Encoding::kMemory, AmxOp::kStoreConfig},      {0x49, kF2, Encoding::kTile, AmxOp::kZero},
    {0x4B, kF2, Encoding::kSibMemory, AmxOp::kLoad},          {0x4B, k66, Encoding::kSibMemory, AmxOp::kLoad},
    {0x4B, kF3, Encoding::kSibMemory, AmxOp::kStore},         {0x5E, kF2, Encoding::kThreeTiles, AmxOp::kDotSS},
    {0x5E, kF3, Encoding::kThreeTiles, AmxOp::kDotSU},        {0x5E, k66, Encoding::kThreeTiles, AmxOp::kDotUS},
    {0x5E, kNoPrefix, Encoding::kThreeTiles, AmxOp::kDotUU},  {0x5C, kF3, Encoding::kThreeTiles, AmxOp::kDotBf16},
};

/// The fields of a VEX prefix and a ModRM byte, register numbers complete.
struct Fields {
  bool extends_index = false, extends_base = false;
  int vvvv = 0, mod = 0, reg = 0, rm = 0;
};

bool has_form(const Encoding& encoding, const Fields& f) {
  const bool memory = f.mod != 3;
  const bool no_third = f.vvvv == 0;
  switch (encoding.form) {
    case Encoding::kMemory: return memory && no_third && f.reg == 0;
    case Encoding::kSibMemory: return memory && no_third && f.reg < 8 && f.rm == 4;
    case Encoding::kNothing: return !memory && no_third && f.reg == 0 && f.rm == 0;
    case Encoding::kTile: return !memory && no_third && f.reg < 8 && f.rm == 0;
    case Encoding::kThreeTiles: return !memory && f.reg < 8 && f.vvvv < 8 && f.rm < 8 && !f.extends_base;
  }
  return false;
}

int64_t signed_number(const uint8_t* from, int bytes) {
  if (bytes == 1) return static_cast<int8_t>(*from);
  int32_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// From the byte behind ModRM on; returns the bytes taken.
int decode_address(const uint8_t* at, const Fields& f, AmxInstruction& out) {
  int taken = 0, base = f.rm;
  if (f.rm == 4) {
    const uint8_t sib = at[taken++];
    base = sib & 7;
    const int index = (sib >> 3 & 7) | (f.extends_index ? 8 : 0);
    if (index != 4) out.index = index;
    out.scale = 1 << (sib >> 6);
  }
  int displacement_bytes = f.mod == 1 ? 1 : f.mod == 2 ? 4 : 0;
  if (f.mod == 0 && base == 5) {
    displacement_bytes = 4;
    out.base = f.rm == 4 ? AmxInstruction::kNone : AmxInstruction::kRip;
  } else {
    out.base = base | (f.extends_base ? 8 : 0);
  }
  if (displacement_bytes > 0) out.displacement = signed_number(at + taken, displacement_bytes);
  return taken + displacement_bytes;
}

}  // namespace

std::optional<AmxInstruction> decode_amx(const uint8_t* code) {
  constexpr uint8_t kVex3 = 0xC4;
  constexpr int kMap0f38 = 2;
  if (code[0] != kVex3 || (code[1] & 0x1F) != kMap0f38) return std::nullopt;
  const bool w = (code[2] & 0x80) != 0, l = (code[2] & 0x04) != 0;
  if (w || l) return std::nullopt;
  const uint8_t opcode = code[3];
  if (opcode != 0x49 && opcode != 0x4B && opcode != 0x5C && opcode != 0x5E) return std::nullopt;

  Fields f;
  f.extends_index = (code[1] & 0x40) == 0;
  f.extends_base = (code[1] & 0x20) == 0;
  f.vvvv = ~(code[2] >> 3) & 15;
  f.mod = code[4] >> 6;
  f.reg = (code[4] >> 3 & 7) | ((code[1] & 0x80) == 0 ? 8 : 0);
  f.rm = code[4] & 7;

  for (const Encoding& encoding : kEncodings) {
    if (encoding.opcode != opcode || encoding.prefix != (code[2] & 3) || !has_form(encoding, f)) continue;
    AmxInstruction out;
    out.op = encoding.op;
    out.tile = f.reg;
    out.left = f.rm;
    out.right = f.vvvv;
    out.length = 5;
    if (f.mod != 3) out.length += decode_address(code + 5, f, out);
    return out;
  }
  return std::nullopt;
}

}  // namespace tegula::test
