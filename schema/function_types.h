#pragma once
#include <optional>
#include <span>
#include <vector>

#include "schema/base/result.h"
#include "schema/function.h"

namespace tegula {

/// The element type that a function yields for operands of these types (as many as its arity); nullopt when it is not
/// defined for them. All operands of arithmetic functions have one type, but for `pow`, whose exponent may have
/// another, and `where`, whose first operand is bool. `cast` yields its instruction's `to`.
std::optional<DType> result_type(const FunctionInstruction& instruction, std::span<const DType> operands);

/// The type of each instruction's result. kInvalidArgument: an empty program, a function that does not exist, an
/// operand that does not come earlier, or types that a function is not defined for. Safe on programs from untrusted
/// files.
Result<std::vector<DType>> result_types(const FunctionProgram& program, std::span<const DType> inputs);

}  // namespace tegula
