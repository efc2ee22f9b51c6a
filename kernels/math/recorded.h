#pragma once
#include <bit>
#include <cstdint>
#include <stdexcept>

#include "jit/vector/program.h"

// The lane types of scalar.h once more: these compute nothing but write each operation into a
// VectorProgram, from which jit/vector makes machine code. Arguments: scalar.h.
namespace tegula::kernels::math {

/// A value of the program, or a constant that has not met a program yet.
struct RecordedValue {
  jit::VectorProgram* program = nullptr;
  jit::ValueId id = 0;
  uint32_t bits = 0;  ///< of the constant when there is no program

  jit::ValueId in(jit::VectorProgram& target) const {
    if (program == nullptr) return target.add({.op = jit::VectorOp::kConstant, .immediate = bits});
    return id;
  }
};

struct RecordedMask : RecordedValue {};

struct RecordedInt : RecordedValue {
  using Mask = RecordedMask;
  RecordedInt() = default;
  explicit RecordedInt(int32_t value) { bits = static_cast<uint32_t>(value); }
};

struct RecordedFloat : RecordedValue {
  using Int = RecordedInt;
  using Mask = RecordedMask;
  RecordedFloat() = default;
  explicit RecordedFloat(float value) { bits = std::bit_cast<uint32_t>(value); }
};

template <typename Out>
Out recorded(jit::VectorProgram& program, const jit::VectorInstruction& instruction) {
  Out out;
  out.program = &program;
  out.id = program.add(instruction);
  return out;
}

/// Appends `op` of up to three operands, of which one at least belongs to a program.
template <typename Out, typename... Operands>
Out record(jit::VectorOp op, uint32_t immediate, const Operands&... operands) {
  jit::VectorProgram* program = nullptr;
  ((program = operands.program != nullptr ? operands.program : program), ...);
  if (program == nullptr) throw std::logic_error("an operation on constants only: compute it beforehand");
  jit::VectorInstruction instruction{.op = op, .immediate = immediate, .is_mask = jit::gives_mask(op)};
  int k = 0;
  ((instruction.operand[k++] = operands.in(*program)), ...);
  return recorded<Out>(*program, instruction);
}

using jit::Predicate;
using jit::Rounding;
using jit::VectorOp;

inline RecordedFloat record_float(VectorOp op, const RecordedFloat& a, const RecordedFloat& b) {
  return record<RecordedFloat>(op, 0, a, b);
}
inline RecordedFloat operator+(const RecordedFloat& a, const RecordedFloat& b) {
  return record_float(VectorOp::kAdd, a, b);
}
inline RecordedFloat operator-(const RecordedFloat& a, const RecordedFloat& b) {
  return record_float(VectorOp::kSub, a, b);
}
inline RecordedFloat operator*(const RecordedFloat& a, const RecordedFloat& b) {
  return record_float(VectorOp::kMul, a, b);
}
inline RecordedFloat operator/(const RecordedFloat& a, const RecordedFloat& b) {
  return record_float(VectorOp::kDiv, a, b);
}
inline RecordedFloat fma(const RecordedFloat& a, const RecordedFloat& b, const RecordedFloat& c) {
  return record<RecordedFloat>(VectorOp::kFma, 0, a, b, c);
}
inline RecordedFloat fnma(const RecordedFloat& a, const RecordedFloat& b, const RecordedFloat& c) {
  return record<RecordedFloat>(VectorOp::kFnma, 0, a, b, c);
}
inline RecordedFloat square_root(const RecordedFloat& a) {
  return record<RecordedFloat>(VectorOp::kSqrt, 0, a);
}
inline RecordedFloat min_or_second(const RecordedFloat& a, const RecordedFloat& b) {
  return record_float(VectorOp::kMin, a, b);
}
inline RecordedFloat max_or_second(const RecordedFloat& a, const RecordedFloat& b) {
  return record_float(VectorOp::kMax, a, b);
}
inline RecordedFloat record_round(const RecordedFloat& a, Rounding rounding) {
  return record<RecordedFloat>(VectorOp::kRound, static_cast<uint32_t>(rounding), a);
}
inline RecordedFloat round_to_even(const RecordedFloat& a) {
  return record_round(a, Rounding::kNearestEven);
}
inline RecordedFloat round_down(const RecordedFloat& a) {
  return record_round(a, Rounding::kDown);
}
inline RecordedFloat round_up(const RecordedFloat& a) {
  return record_round(a, Rounding::kUp);
}
inline RecordedFloat scale(const RecordedFloat& a, const RecordedFloat& n) {
  return record_float(VectorOp::kScale, a, n);
}

inline RecordedInt record_int(VectorOp op, const RecordedInt& a, const RecordedInt& b) {
  return record<RecordedInt>(op, 0, a, b);
}
inline RecordedInt operator+(const RecordedInt& a, const RecordedInt& b) {
  return record_int(VectorOp::kIntAdd, a, b);
}
inline RecordedInt operator-(const RecordedInt& a, const RecordedInt& b) {
  return record_int(VectorOp::kIntSub, a, b);
}
inline RecordedInt operator&(const RecordedInt& a, const RecordedInt& b) {
  return record_int(VectorOp::kAnd, a, b);
}
inline RecordedInt operator|(const RecordedInt& a, const RecordedInt& b) {
  return record_int(VectorOp::kOr, a, b);
}
inline RecordedInt operator^(const RecordedInt& a, const RecordedInt& b) {
  return record_int(VectorOp::kXor, a, b);
}
inline RecordedInt and_not(const RecordedInt& a, const RecordedInt& b) {
  return record_int(VectorOp::kAndNot, a, b);
}
inline RecordedInt shift_left(const RecordedInt& a, int bits) {
  return record<RecordedInt>(VectorOp::kShiftLeft, static_cast<uint32_t>(bits), a);
}
inline RecordedInt shift_right_signed(const RecordedInt& a, int bits) {
  return record<RecordedInt>(VectorOp::kShiftRightSigned, static_cast<uint32_t>(bits), a);
}

/// The same value seen as the other type.
template <typename To>
To seen_as(const RecordedValue& value) {
  To out;
  static_cast<RecordedValue&>(out) = value;
  return out;
}
inline RecordedInt bits_of(const RecordedFloat& a) {
  return seen_as<RecordedInt>(a);
}
inline RecordedFloat from_bits(const RecordedInt& a) {
  return seen_as<RecordedFloat>(a);
}
inline RecordedFloat to_float(const RecordedInt& a) {
  return record<RecordedFloat>(VectorOp::kToFloat, 0, a);
}
inline RecordedInt truncate_to_int(const RecordedFloat& a) {
  return record<RecordedInt>(VectorOp::kTruncate, 0, a);
}
inline RecordedInt round_to_int(const RecordedFloat& a) {
  return record<RecordedInt>(VectorOp::kToInt, 0, a);
}

inline RecordedMask record_compare(Predicate predicate, const RecordedFloat& a, const RecordedFloat& b) {
  return record<RecordedMask>(VectorOp::kCompare, static_cast<uint32_t>(predicate), a, b);
}
inline RecordedMask less(const RecordedFloat& a, const RecordedFloat& b) {
  return record_compare(Predicate::kLess, a, b);
}
inline RecordedMask less_or_equal(const RecordedFloat& a, const RecordedFloat& b) {
  return record_compare(Predicate::kLessOrEqual, a, b);
}
inline RecordedMask greater(const RecordedFloat& a, const RecordedFloat& b) {
  return record_compare(Predicate::kGreater, a, b);
}
inline RecordedMask greater_or_equal(const RecordedFloat& a, const RecordedFloat& b) {
  return record_compare(Predicate::kGreaterOrEqual, a, b);
}
inline RecordedMask equal(const RecordedFloat& a, const RecordedFloat& b) {
  return record_compare(Predicate::kEqual, a, b);
}
inline RecordedMask not_equal(const RecordedFloat& a, const RecordedFloat& b) {
  return record_compare(Predicate::kNotEqual, a, b);
}
inline RecordedMask unordered(const RecordedFloat& a, const RecordedFloat& b) {
  return record_compare(Predicate::kUnordered, a, b);
}
inline RecordedMask equal(const RecordedInt& a, const RecordedInt& b) {
  return record<RecordedMask>(VectorOp::kIntEqual, 0, a, b);
}

inline RecordedMask operator&(const RecordedMask& a, const RecordedMask& b) {
  return record<RecordedMask>(VectorOp::kMaskAnd, 0, a, b);
}
inline RecordedMask operator|(const RecordedMask& a, const RecordedMask& b) {
  return record<RecordedMask>(VectorOp::kMaskOr, 0, a, b);
}
inline RecordedMask operator^(const RecordedMask& a, const RecordedMask& b) {
  return record<RecordedMask>(VectorOp::kMaskXor, 0, a, b);
}
inline RecordedMask operator~(const RecordedMask& a) {
  return record<RecordedMask>(VectorOp::kMaskNot, 0, a);
}
inline RecordedFloat select(const RecordedMask& m, const RecordedFloat& a, const RecordedFloat& b) {
  return record<RecordedFloat>(VectorOp::kSelect, 0, m, a, b);
}
inline RecordedInt select(const RecordedMask& m, const RecordedInt& a, const RecordedInt& b) {
  return record<RecordedInt>(VectorOp::kSelect, 0, m, a, b);
}

}  // namespace tegula::kernels::math
