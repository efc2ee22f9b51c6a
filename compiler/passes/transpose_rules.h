#pragma once
#include <optional>

#include "compiler/graph/graph.h"
#include "compiler/ops/op_def.h"
#include "compiler/passes/relayout.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// What push_transposes knows of single operations. Given a node that reads a transposed value, a rule adds nodes that
/// compute the same from the value before it was transposed, so that the node's first output is a transpose of a new
/// value.

/// A value and the perm that makes the node's output of it; nullopt: this node keeps its transposed operand.
using Sunk = std::optional<TransposedValue>;

/// The rule for the node's operation: eltwise, concat, reduce, arg_reduce, softmax, layer_norm, pad, slice, gather,
/// resize, reshape.
Result<Sunk> sink_transpose(Builder& build, Node& node);

/// The rules with several operands: eltwise and concat. Other operands are transposed the other way when they are
/// constants, when that only moves dimensions of 1, or when it costs less than what goes.
Result<Sunk> sink_through_eltwise(Builder& build, Node& node);
Result<Sunk> sink_through_concat(Builder& build, Node& node);

/// reshape(transpose(x)) -> transpose(reshape(x)), when no dimension of x is torn apart by the transpose and then
/// merged.
Result<Sunk> sink_through_reshape(Builder& build, Node& node);

/// transpose(reshape(transpose(x))) -> reshape(transpose(x)): the value that replaces the node's output, or nullptr.
Result<Value*> hoist_above_reshape(Builder& build, Node& node);

/// relu(reshape(transpose(x))) -> reshape(transpose(relu(x))), for elementwise nodes whose other operands are single
/// numbers, so that what stands behind a Flatten meets the transpose: the value that replaces the node's output, or
/// nullptr.
Result<Value*> hoist_above_flatten(Builder& build, Node& node);

/// matmul(reshape(transpose(x)), w) -> matmul(reshape(x), w with its rows in another order), as behind a Flatten: the
/// new operands, or nullopt.
struct MatmulOperands {
  Value* a = nullptr;
  Value* b = nullptr;
};
Result<std::optional<MatmulOperands>> permute_matmul_rows(Builder& build, Node& node);

}  // namespace tegula::compiler
