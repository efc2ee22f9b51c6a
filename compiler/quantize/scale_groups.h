#pragma once
#include <unordered_map>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// The real values of a graph by the scale that they have to share: what goes into a node that only places elements
/// (concat, maximum pooling, reshape, ...) and what comes out of it, so that these nodes cost nothing when their values
/// are quantized.
class ScaleGroups {
 public:
  explicit ScaleGroups(const Graph& graph);

  /// All values that share the scale of this one, itself among them, in the graph's order. `value` is f32 and no
  /// constant.
  const std::vector<Value*>& group_of(const Value* value) const;

 private:
  std::unordered_map<const Value*, std::size_t> numbers_;
  std::vector<std::vector<Value*>> groups_;
};

}  // namespace tegula::compiler
