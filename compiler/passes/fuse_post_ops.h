#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  c = conv(x, w, b);  s = add(c, r);  y = relu(s)
/// After:   y = conv(x, w, b) {post_ops=[add(r), relu]}
/// for conv, conv_transpose and matmul and every function that their kernels have, in the order of the graph. The
/// second operand of a binary function is one number, one value per output channel, or a tensor of the result's shape;
/// where both operands come from such nodes the later one computes the sum. A node moves down to where its operand
/// exists. Leaves the node alone when anything else reads its result.
Result<bool> fuse_post_ops(Graph& graph);

}  // namespace tegula::compiler
