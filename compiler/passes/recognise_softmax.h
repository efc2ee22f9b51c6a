#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  e = exp(x - max(x));  y = e / sum(e)       (one axis, keepdims; the maximum may be missing)
/// After:   y = softmax(x) {axis}
/// Leaves it alone when anything else reads a value in between.
Result<bool> recognise_softmax(Graph& graph);

}  // namespace tegula::compiler
