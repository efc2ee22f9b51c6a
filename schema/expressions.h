#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "schema/base/result.h"

namespace tegula {

/// Integer expressions over a program's symbols: every dimension, and every size that a step needs,
/// is one. The compiler writes them, the runtime evaluates them when shapes are bound. The numbers
/// are stored in program files: add at the end, never reuse.
enum class ExprOp : uint8_t {
  kConstant = 0,  ///< value
  kSymbol = 1,    ///< symbols[value]
  kAdd = 2,       ///< a + b
  kSub = 3,       ///< a - b
  kMul = 4,       ///< a * b
  kFloorDiv = 5,  ///< floor(a / b), rounding toward minus infinity
  kCeilDiv = 6,   ///< ceil(a / b)
  kMod = 7,       ///< a - b * floor(a / b)
  kMin = 8,
  kMax = 9,
  kSelect = 10,      ///< a != 0 ? b : c; all three are evaluated
  kEqual = 11,       ///< a == b, as 0 or 1
  kLess = 12,        ///< a < b, as 0 or 1
  kScaleFloor = 13,  ///< floor(a * scale), scale an IEEE double
  // A real is the bits of an IEEE double: what an element of a floating-point shape input is read as.
  kRealScaleFloor = 14,  ///< floor(float(a) * float(real b)): what fp32 arithmetic makes of a size and a scale
  kRealRatio = 15,       ///< the real a / b
  kRealRangeCount = 16,  ///< of reals: how many of a, a + c, a + 2c ... come before b: max(0, ceil((b - a) / c))
};

/// Operands are indices of earlier nodes, so a table of expressions cannot be cyclic.
struct ExprNode {
  ExprOp op = ExprOp::kConstant;
  int64_t value = 0;
  uint32_t a = 0, b = 0, c = 0;
  double scale = 0;

  bool operator==(const ExprNode&) const = default;
};

/// How many of a, b, c the operation reads; -1 for a number that is no ExprOp.
int operands_of(ExprOp op);

/// Evaluates a whole table: values[i] is the value of nodes[i]. `values` has room for all nodes.
/// A division by zero yields 0 and an overflow saturates to INT64_MIN or INT64_MAX: an expression in a branch
/// that nothing selects must not make a binding fail, and whatever uses such a value as a size is
/// refused by its own range check. Nodes must have been validated (operands earlier, symbols in
/// range). Allocates nothing.
void evaluate(std::span<const ExprNode> nodes, std::span<const int64_t> symbols, std::span<int64_t> values);

}  // namespace tegula
