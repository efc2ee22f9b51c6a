#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  c = transpose(w);  y = matmul(x, c)      (w constant)
/// After:   y = matmul(x, w')
/// Evaluates nodes whose operands are all constants, through their plain loops, and makes constants of integers that
/// the shapes alone tell. Leaves nodes that would blow a small constant up (more than twice its operands and 16 MiB),
/// except fills, which are the weights of some models.
Result<bool> fold_constants(Graph& graph);

}  // namespace tegula::compiler
