#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  t = transpose(b) {perm=[0,2,1]};  y = matmul(a, t)
/// After:   y = matmul(a, b) {transpose_b=1}
/// for transposes that swap the last two dimensions and nothing else, of either operand. Constants are transposed at
/// once, so that weights stand as [k, n].
Result<bool> fold_transposes_into_matmul(Graph& graph);

}  // namespace tegula::compiler
