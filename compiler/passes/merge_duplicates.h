#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  a = sub(x, m);  b = sub(x, m)
/// After:   a, read in place of b
/// Nodes with the same operation, operands, attributes and post-ops; small constants count as the same operand when
/// their elements are.
Result<bool> merge_duplicates(Graph& graph);

}  // namespace tegula::compiler
