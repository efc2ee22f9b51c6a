#include "compiler/passes/remove_dead.h"

namespace tegula::compiler {

Result<bool> remove_dead(Graph& graph) {
  bool changed = graph.remove_dead();
  for (const auto& node : graph.nodes()) {
    for (std::size_t i = 1; i < node->outputs.size(); ++i) {
      const Value* output = node->outputs[i];
      if (!output || !output->users.empty() || output->is_output) continue;
      graph.drop_output(node.get(), i);
      changed = true;
    }
  }
  return changed;
}

}  // namespace tegula::compiler
