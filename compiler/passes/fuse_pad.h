#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  p = pad(x) {mode=constant, begins=[0,0,1,1], ends=[0,0,1,1]};  y = conv(p, w) {pads_begin=[0,0], ...}
/// After:   y = conv(x, w) {pads_begin=[1,1], ...}
/// for padding of spatial dimensions with zeros before conv and average pooling (which then counts it), and with minus
/// infinity before max pooling. Leaves alone other modes and fill values, padding of channels or batch, cropping, and
/// average pooling that pads by itself without counting that.
Result<bool> fuse_pad(Graph& graph);

}  // namespace tegula::compiler
