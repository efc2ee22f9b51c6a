#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  y = conv(x, w, b) {channels_last=0}
/// After:   t = transpose(x) {perm=[0,2,3,1]};  u = conv(t, w, b) {channels_last=1};  y = transpose(u) {perm=[0,3,1,2]}
/// and so for conv_transpose, pool and group_norm of any spatial rank, with the operands of their
/// post-ops. Required: the lowering takes these operations channels-last only. push_transposes cancels what it can.
Result<bool> make_channels_last(Graph& graph);

}  // namespace tegula::compiler
