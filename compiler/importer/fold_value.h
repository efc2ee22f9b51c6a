#pragma once
#include <cstdint>
#include <optional>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// The tensor that a value certainly is: its literal, constant contents, or what the nodes before it compute from such.
/// Works on small tensors (shapes, axes, conditions) and gives up on everything else; the graph stays as it is.
std::optional<Literal> fold_value(const Value& value);

/// Gives a small integer value its contents where the graph's inputs let it: an input of fixed shape becomes a shape
/// input, one symbol per element, and the nodes between are inferred again. Returns whether the value has contents now.
bool find_contents(Graph& graph, Value& value);

/// The same for a small floating-point input of the graph: gives it its reals.
bool find_reals(Graph& graph, Value& value);

}  // namespace tegula::compiler
