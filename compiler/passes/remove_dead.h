#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Removes nodes and constants that no output depends on, and secondary outputs that nobody reads. Inputs stay: they are
/// the program's signature. Returns whether anything went.
Result<bool> remove_dead(Graph& graph);

}  // namespace tegula::compiler
