#pragma once
#include <span>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// Runs a graph without symbols with plain loops, node after node: the reference that passes are tested against.
/// One literal per input in, one per output out. kUnsupported: a node that has no plain loops, or a shape with symbols.
Result<std::vector<Literal>> interpret(const Graph& graph, std::span<const Literal> inputs);

}  // namespace tegula::compiler
