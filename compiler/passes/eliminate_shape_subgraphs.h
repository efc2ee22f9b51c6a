#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  s = shape(x);  b = gather(s, 0);  t = add(b, 1);  y = expand(z) {shape=[batch + 1]};  return y, t
/// After:   t = materialize() {elements=[batch + 1]};  y = expand(z) {shape=[batch + 1]};  return y, t
///
/// Values whose elements follow from shapes alone (Value::contents) need no nodes to compute them: constant ones become
/// constants; those that depend on symbols and are still read as data become a `materialize` node, which writes
/// them when shapes are bound. What computed them goes.
Result<bool> eliminate_shape_subgraphs(Graph& graph);

}  // namespace tegula::compiler
