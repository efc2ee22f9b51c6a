#include "compiler/passes/merge_duplicates.h"

#include <algorithm>

#include "compiler/ops/op_def.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr std::size_t kSmallConstant = 4096;  // bytes

bool is_same(const Value* a, const Value* b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr || !a->is_constant() || !b->is_constant()) return false;
  if (a->dtype != b->dtype || a->literal->dims() != b->literal->dims()) return false;
  const auto left = a->literal->bytes(), right = b->literal->bytes();
  if (left.data() == right.data()) return true;
  return left.size() <= kSmallConstant && std::equal(left.begin(), left.end(), right.begin(), right.end());
}

bool is_same(const PostOp& a, const PostOp& b) {
  return a.function == b.function && a.alpha == b.alpha && a.beta == b.beta && a.operand_first == b.operand_first &&
         is_same(a.operand, b.operand);
}

template <typename T>
bool all_same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return is_same(x, y); });
}

/// Whether everything that is wanted of `later` is computed by `earlier`.
bool computes(const Node& earlier, const Node& later) {
  if (earlier.op != later.op || earlier.outputs.size() != later.outputs.size()) return false;
  for (std::size_t i = 0; i < later.outputs.size(); ++i)
    if (later.outputs[i] != nullptr && earlier.outputs[i] == nullptr) return false;
  return all_same(earlier.inputs, later.inputs) && all_same(earlier.post_ops, later.post_ops) &&
         earlier.attributes == later.attributes;
}

Result<bool> merge(Graph& graph, Node& node) {
  const auto computed = std::find_if(node.inputs.begin(), node.inputs.end(),
                                     [](const Value* value) { return value != nullptr && !value->is_constant(); });
  if (computed == node.inputs.end()) return false;
  for (Node* earlier : (*computed)->users) {
    if (earlier == &node || !graph.is_before(earlier, &node) || !computes(*earlier, node)) continue;
    add_origins(earlier->origins, node.origins);
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != nullptr) graph.replace_all_uses(node.outputs[i], earlier->outputs[i]);
    erase_unread(graph, &node);
    return true;
  }
  return false;
}

}  // namespace

Result<bool> merge_duplicates(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return merge(graph, node); });
}

}  // namespace tegula::compiler
