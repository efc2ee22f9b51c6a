#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  s = add(x, r);  y = layer_norm(s, scale, bias)
/// After:   y = layer_norm(x, scale, bias, residual=r)
/// Leaves alone a sum that anything else reads and one that broadcasts. Runs after fuse_post_ops, which prefers to make
/// the sum in a product's epilogue.
Result<bool> fuse_residual_into_layer_norm(Graph& graph);

}  // namespace tegula::compiler
