#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// Gives symbols values: in the shapes of inputs, in the sizes among attributes, and from there everywhere. Constraints
/// that hold go, those that do not are kInvalidArgument with their message; a constraint with a symbol left stays.
Status bind_symbols(Graph& graph, const std::map<std::string, int64_t>& symbols);

}  // namespace tegula::compiler
