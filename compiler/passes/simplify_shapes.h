#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Removes data movement that moves nothing:
///   reshape, slice, expand to the shape that x has; transpose without effect; pad by nothing; concat of one -> x
///   reshape(reshape(x))                       -> reshape(x)
///   transpose(transpose(x))                   -> transpose(x)
///   transpose that only moves dimensions of 1 -> reshape
///   eltwise(expand(x), y)                     -> eltwise(x, y), when the result has its shape without that
Result<bool> simplify_shapes(Graph& graph);

}  // namespace tegula::compiler
