#pragma once
#include <unordered_set>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// The nodes on real numbers that compute positions or indices, whose rounding would read another element:
/// * what is computed from integers of 32 or 64 bits alone (ranges, positions, lengths, masks), by elementwise
/// functions,
///   by moving elements and by products of depth 1, such as the angles of rotary embeddings;
/// * elementwise functions and moves before a conversion to such integers.
/// Integers of 8 and 16 bits are pixels and quantized numbers, no positions.
std::unordered_set<const Node*> position_nodes(const Graph& graph);

}  // namespace tegula::compiler
