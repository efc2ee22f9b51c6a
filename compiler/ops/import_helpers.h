#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/importer/onnx_node.h"

namespace tegula::compiler {

// What import functions have in common.

/// What an import function returns: one value per output of the node.
using ImportedValues = std::vector<Value*>;

/// kInvalidArgument unless the node has at least `required` operands, none of them absent, and at most `most` in all.
Status expect_inputs(const OnnxNode& node, std::size_t required, std::size_t most);

/// An axis in 0 .. rank-1; negative ones count from the end.
Result<int64_t> checked_axis(const OnnxNode& node, int64_t axis, int rank);
/// The same for several, sorted; the same axis twice is an error.
Result<std::vector<int64_t>> checked_axes(const OnnxNode& node, const std::vector<int64_t>& axes, int rank);

/// A dimension that has to be a number. `what` names it in messages: "the number of channels".
Result<int64_t> constant_dim(const OnnxNode& node, const Dim& dim, std::string_view what);

/// A scalar of a numeric type, or bool; the number is converted as C++ does.
Literal scalar_literal(DType dtype, double number);
Value* scalar(ImportContext& context, DType dtype, double number);

/// A reshape; a constant stays a constant.
Result<Value*> reshaped(ImportContext& context, Value* value, const Shape& shape);
/// `value` [c] as [c, 1, 1 ...], to meet dimension `axis` of a tensor of `rank` when broadcast.
Result<Value*> aligned_to_axis(ImportContext& context, Value* value, int64_t axis, int rank);

/// The result of a function of one or two operands of one type, an operand being a number.
Result<Value*> with_scalar(ImportContext& context, Function function, Value* value, double number);

}  // namespace tegula::compiler
