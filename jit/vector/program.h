#pragma once
#include <cstdint>
#include <vector>

namespace tegula::jit {

/// Primitive operations on a register of 32-bit lanes or on a mask of one bit per lane. Every one
/// gives the same bits on AVX-512, on AVX2 and in kernels/math/scalar.h. Only the payload and sign of a NaN
/// may differ.
enum class VectorOp : uint8_t {
  kInput,     ///< operand number `immediate` of the program
  kConstant,  ///< `immediate` in every lane
  // fp32, each rounded once to nearest even.
  kAdd,
  kSub,
  kMul,
  kDiv,   ///< a ? b
  kFma,   ///< a * b + c, rounded once
  kFnma,  ///< c - a * b, rounded once
  kSqrt,
  kMin,    ///< a < b ? a : b: b when either is NaN or both are zero
  kMax,    ///< a > b ? a : b: likewise
  kRound,  ///< to an integral value: Rounding(immediate)
  kScale,  ///< a * 2^b, rounded once; b integral with |b| <= 250, or a is NaN
  // Bits.
  kAnd,
  kOr,
  kXor,
  kAndNot,  ///< ~a & b
  // s32, wrapping.
  kIntAdd,
  kIntSub,
  kIntMul,
  kIntMin,
  kIntMax,
  kShiftLeft,
  kShiftRight,
  kShiftRightSigned,  ///< a by `immediate` bits
  // Conversions; a float outside s32, or NaN, gives INT32_MIN.
  kToInt,     ///< to nearest even
  kTruncate,  ///< towards zero
  kToFloat,
  // Masks.
  kCompare,     ///< fp32 a ? b: Predicate(immediate)
  kIntEqual,    ///< s32 a == b
  kIntGreater,  ///< s32 a > b
  kMaskAnd,
  kMaskOr,
  kMaskXor,
  kMaskNot,
  kSelect,  ///< mask a ? b : c
};

/// Values are those of VROUNDPS's immediate.
enum class Rounding : uint8_t { kNearestEven = 0, kDown = 1, kUp = 2, kToZero = 3 };

/// Values are those of VCMPPS's immediate; false for NaN except the two that say so.
enum class Predicate : uint8_t {
  kEqual = 0x00,
  kLess = 0x11,
  kLessOrEqual = 0x12,
  kUnordered = 0x03,  ///< true when either is NaN
  kNotEqual = 0x04,   ///< true when either is NaN
  kGreaterOrEqual = 0x1D,
  kGreater = 0x1E,
};

constexpr int arity_of(VectorOp op) {
  switch (op) {
    case VectorOp::kInput:
    case VectorOp::kConstant: return 0;
    case VectorOp::kFma:
    case VectorOp::kFnma:
    case VectorOp::kSelect: return 3;
    case VectorOp::kSqrt:
    case VectorOp::kRound:
    case VectorOp::kShiftLeft:
    case VectorOp::kShiftRight:
    case VectorOp::kShiftRightSigned:
    case VectorOp::kToInt:
    case VectorOp::kTruncate:
    case VectorOp::kToFloat:
    case VectorOp::kMaskNot: return 1;
    default: return 2;
  }
}

constexpr bool gives_mask(VectorOp op) {
  return op == VectorOp::kCompare || op == VectorOp::kIntEqual || op == VectorOp::kIntGreater ||
         op == VectorOp::kMaskAnd || op == VectorOp::kMaskOr || op == VectorOp::kMaskXor || op == VectorOp::kMaskNot;
}

/// Index of an instruction, standing for its result.
using ValueId = uint16_t;

struct VectorInstruction {
  VectorOp op = VectorOp::kConstant;
  ValueId operand[3] = {0, 0, 0};  ///< as many as arity_of(op); each an earlier instruction
  uint32_t immediate = 0;
  bool is_mask = false;  ///< the result is a mask: gives_mask(op), or an input that is one

  auto operator<=>(const VectorInstruction&) const = default;
};

/// A straight-line program in single-assignment form: instruction i is value i.
struct VectorProgram {
  std::vector<VectorInstruction> instructions;
  std::vector<ValueId> outputs;

  /// Appends, or finds an equal earlier instruction.
  ValueId add(const VectorInstruction& instruction);

  /// Without the instructions that no output needs; inputs keep their numbers.
  VectorProgram without_dead_code() const;
};

}  // namespace tegula::jit
