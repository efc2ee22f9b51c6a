#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  m = matmul(x, w);  r = reshape(m, [b,s,n]);  y = add(r, bias)
/// After:   m = matmul(x, w);  a = add(m, bias);  y = reshape(a, [b,s,n])
/// Moves reshapes of what products and elementwise functions compute below the elementwise node that reads them, which
/// can then be fused; a reshape is a view and costs nothing where it goes; there it merges with the next. Other
/// operands are reshaped the other way. Leaves it alone when anything else reads the value, and when an operand is
/// broadcast along a part of dimensions that the reshape joins or splits.
Result<bool> push_reshapes(Graph& graph);

}  // namespace tegula::compiler
