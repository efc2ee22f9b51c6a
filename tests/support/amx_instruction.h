#pragma once
#include <cstdint>
#include <optional>

namespace tegula::test {

enum class AmxOp : uint8_t {
  kLoadConfig,
  kStoreConfig,
  kRelease,
  kZero,
  kLoad,  ///< TILELOADD and TILELOADDT1
  kStore,
  kDotSS,    ///< TDPBSSD
  kDotSU,    ///< TDPBSUD
  kDotUS,    ///< TDPBUSD
  kDotUU,    ///< TDPBUUD
  kDotBf16,  ///< TDPBF16PS
};

/// One tile instruction in its only encoding, a VEX prefix of three bytes. A memory operand is
/// base + index * scale + displacement, of which for kLoad and kStore index * scale is the stride of the rows.
struct AmxInstruction {
  static constexpr int kNone = -1;
  static constexpr int kRip = 16;  ///< as base: the address of the next instruction

  AmxOp op = AmxOp::kRelease;
  int length = 0;  ///< bytes
  int tile = 0;    ///< destination of all but kStore
  int left = 0;    ///< of the dot products: A
  int right = 0;   ///< of the dot products: B
  int base = kNone;
  int index = kNone;
  int scale = 1;
  int64_t displacement = 0;
};

/// nullopt: another instruction, or none that a CPU with AMX would execute. Reads no byte behind the instruction.
std::optional<AmxInstruction> decode_amx(const uint8_t* code);

}  // namespace tegula::test
