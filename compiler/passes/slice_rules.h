#pragma once
#include "compiler/graph/graph.h"
#include "compiler/ops/op_def.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// What simplify_shapes knows of slices. Both give the value that takes the place of the node's output, or nullptr.

/// gather(x, constant) -> slice(x): for one index (then without its dimension) or several that advance evenly, along a
/// dimension of constant size.
Result<Value*> slice_instead_of_gather(Builder& build, const Node& node);

/// slice(reshape(x)) -> reshape(slice(x)): where each dimension that is cut is the outermost of those that the reshape
/// makes of one of x's (as in q, k, v side by side, [n, s, 3*h*d] -> [n, s, 3, h, d]), so that a contiguous range of
/// that is left.
Result<Value*> slice_above_reshape(Builder& build, const Node& node);

}  // namespace tegula::compiler
