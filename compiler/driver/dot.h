#pragma once
#include <string>

#include "compiler/graph/graph.h"

namespace tegula::driver {

/// The graph for Graphviz (dot -Tsvg): operations as boxes, their values as arrows with type and shape; constants are
/// left out.
std::string dot_text(const compiler::Graph& graph);

}  // namespace tegula::driver
