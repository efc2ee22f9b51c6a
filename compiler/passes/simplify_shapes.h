#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Removes data movement that moves nothing and writes the rest as simply as it can:
///   reshape, slice, expand to the shape that x has; transpose without effect; pad by nothing; concat of one -> x
///   reshape(reshape(x))                       -> reshape(x)
///   transpose(transpose(x))                   -> transpose(x)
///   transpose that only moves dimensions of 1 -> reshape
///   gather with even constant indices         -> slice
///   slice(reshape(x)), cutting outer parts    -> reshape(slice(x))
///   eltwise(expand(x), y)                     -> eltwise(x, y), when the result has its shape without that
Result<bool> simplify_shapes(Graph& graph);

}  // namespace tegula::compiler
