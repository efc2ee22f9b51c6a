#pragma once
#include <string>
#include <vector>

#include "compiler/precision/choose_bf16.h"

namespace tegula::compiler {

/// bf16 nodes, connected by values, whose conversions cost more than their products save.
struct LosingIsland {
  std::vector<const Node*> nodes;
  std::string reason;
};

/// Islands with a node that the user allows are none.
std::vector<LosingIsland> losing_islands(const Graph& graph, const Bf16Plan& plan);

}  // namespace tegula::compiler
