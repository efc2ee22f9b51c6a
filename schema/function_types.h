#pragma once
#include <optional>
#include <span>
#include <vector>

#include "schema/base/result.h"
#include "schema/function.h"

namespace tegula {

/// The element type that a function yields for operands of these types (as many as its arity); nullopt when it is not
/// defined for them. All operands of arithmetic functions have one type, but for `pow`, whose exponent may have
/// another, `where`, whose first operand is bool, and those that convert to and from quantized numbers (functions.inc).
/// `cast`, `quantize` and `requantize` yield their instruction's `to`.
std::optional<DType> result_type(const FunctionInstruction& instruction, std::span<const DType> operands);

/// The type of each instruction's result. kInvalidArgument: an empty program, a function that does not exist, an
/// operand that does not come earlier, types that a function is not defined for, or a scale that is not positive and
/// finite, or a zero point out of its type's range. Safe on programs from untrusted
/// files.
Result<std::vector<DType>> result_types(const FunctionProgram& program, std::span<const DType> inputs);

}  // namespace tegula
