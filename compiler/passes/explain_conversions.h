#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Whether a node does nothing but change the type in which real numbers are stored: quantize, dequantize, requantize,
/// and casts between f32 and bf16.
bool only_converts(const Node& node);

/// Says in Node::rule of each node that only converts why no other node does it on the way: what stands before it and
/// behind it, with the reasons that those have for their own precision. Changes nothing else.
Result<bool> explain_conversions(Graph& graph);

}  // namespace tegula::compiler
