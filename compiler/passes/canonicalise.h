#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Writes elementwise nodes in the one form that later passes look for:
///   op(constant, x)                  -> op(x, constant)              for add, mul, min, max
///   x - constant                     -> x + (-constant)
///   x / constant                     -> x * (1/constant)             powers of two only: exact
///   x^1, x^2, x^3, x^0.5, x^-1       -> x, x*x, x*x*x, sqrt(x), 1/x
///   min(x, number), max(x, number)   -> clip; clip(0, inf) -> relu; clip of clip -> one clip
///   x + 0, x * 1, x / 1, identity, cast to x's own type -> x
/// Numbers are constants whose elements are all equal. Nodes whose result has another shape than x keep it.
Result<bool> canonicalise(Graph& graph);

}  // namespace tegula::compiler
