#pragma once
#include <functional>
#include <span>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// Runs a graph without symbols with plain loops, node after node: the reference that passes are tested against.
/// One literal per input in, one per output out. kUnsupported: a node that has no plain loops, or a shape with symbols.
/// `see`, when given, is shown each output of each node as it is computed; an error that it returns ends the run.
using SeeNodeOutput = std::function<Status(const Node& node, std::size_t output, const Literal& literal)>;
Result<std::vector<Literal>> interpret(const Graph& graph, std::span<const Literal> inputs, const SeeNodeOutput& see = {});

}  // namespace tegula::compiler
