#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  s = mul(x, number);  a = add(s, mask);  y = softmax(a)
/// After:   y = softmax(x, mask) {scale=number}
/// Before:  f = where(hidden, -inf, x);  y = softmax(f)
/// After:   m = where(hidden, -inf, 0);  y = softmax(x, m)
/// with the number on either side, -inf or so low (-1e30) that a score added to it is lost in rounding. The scale may
/// be a division; either may be missing. Leaves alone what anything else reads, a sum in which x is broadcast, and a
/// scale applied after the mask.
Result<bool> fuse_softmax_mask(Graph& graph);

}  // namespace tegula::compiler
