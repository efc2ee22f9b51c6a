#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  t = transpose(u) {perm=[0,3,1,2]};  r = relu(t);  v = transpose(r) {perm=[0,2,3,1]}
/// After:   v = relu(u)
/// Moves transposes down, through elementwise functions, concat, reduce, arg_reduce, softmax, layer_norm, pad, slice,
/// gather, resize and reshape, until they meet others and cancel. A transpose below a reshape moves above it to meet
/// another. Behind a Flatten the rows of a matmul's constant weights change places instead of the data; other operands
/// of matmul are never moved, and functions behind the Flatten move above it. An operand that has no such transpose is
/// transposed the other way when that is free or pays.
Result<bool> push_transposes(Graph& graph);

}  // namespace tegula::compiler
