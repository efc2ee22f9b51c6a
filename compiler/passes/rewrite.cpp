#include "compiler/passes/rewrite.h"

#include <algorithm>

namespace tegula::compiler {
namespace {

bool is_read(const Node& node) {
  return std::any_of(node.outputs.begin(), node.outputs.end(), [](const Value* value) {
    return value != nullptr && (!value->users.empty() || value->is_output);
  });
}

}  // namespace

bool is_read_once(const Value* value) {
  return value != nullptr && value->users.size() == 1 && !value->is_output;
}

Node* only_user(const Value* value) {
  if (value == nullptr || value->users.empty() || value->is_output) return nullptr;
  Node* user = value->users.front();
  const bool alone = std::all_of(value->users.begin(), value->users.end(), [&](const Node* n) { return n == user; });
  return alone ? user : nullptr;
}

void replace_value(Graph& graph, Value* from, Value* to) {
  if (from == to) return;
  const bool takes_name = !to->is_output && !to->is_input && (to->users.empty() || from->is_output);
  const std::string name = from->name;
  graph.replace_all_uses(from, to);
  if (from->producer == nullptr) return;
  erase_unread(graph, from->producer);
  if (takes_name && graph.find_value(name) == nullptr) graph.rename_value(to, name);
}

void absorb_node(Graph& graph, Node& node, Node& into) {
  Value* result = node.output();
  const std::string name = result->name;
  add_origins(into.origins, node.origins);
  graph.replace_all_uses(result, into.output());
  erase_unread(graph, &node);
  graph.rename_value(into.output(), name);
}

void erase_unread(Graph& graph, Node* node) {
  std::vector<Node*> candidates = {node};
  while (!candidates.empty()) {
    // The last in execution order first: it may read what an earlier candidate computes.
    const auto last = std::max_element(candidates.begin(), candidates.end(),
                                       [&](const Node* a, const Node* b) { return graph.is_before(a, b); });
    Node* candidate = *last;
    candidates.erase(last);
    if (is_read(*candidate)) continue;
    const auto add = [&](const Value* value) {
      if (value == nullptr || value->producer == nullptr) return;
      if (std::find(candidates.begin(), candidates.end(), value->producer) == candidates.end())
        candidates.push_back(value->producer);
    };
    for (const Value* value : candidate->inputs) add(value);
    for (const PostOp& post_op : candidate->post_ops) add(post_op.operand);
    graph.erase_node(candidate);
  }
}

void add_origins(std::vector<std::string>& into, const std::vector<std::string>& origins) {
  for (const std::string& origin : origins)
    if (std::find(into.begin(), into.end(), origin) == into.end()) into.push_back(origin);
}

std::vector<std::string> origins_of(const std::vector<Node*>& nodes) {
  std::vector<std::string> origins;
  for (const Node* node : nodes) add_origins(origins, node->origins);
  return origins;
}

int64_t positive_axis(int64_t axis, int rank) {
  return axis < 0 ? axis + rank : axis;
}

std::optional<std::vector<float>> per_channel(const Value* value, const Shape& shape, int axis) {
  if (value == nullptr || !value->is_constant() || value->dtype != DType::kF32) return std::nullopt;
  if (axis < 0 || axis >= static_cast<int>(shape.size())) return std::nullopt;
  const Dim& channels = shape[static_cast<std::size_t>(axis)];
  if (!channels.is_constant()) return std::nullopt;
  const Literal& literal = *value->literal;
  const auto rank = static_cast<int>(literal.dims().size());
  const int offset = static_cast<int>(shape.size()) - rank;
  if (offset < 0) return std::nullopt;
  for (int d = 0; d < rank; ++d) {
    const int64_t size = literal.dims()[static_cast<std::size_t>(d)];
    if (size == 1) continue;
    if (d + offset != axis || size != channels.value()) return std::nullopt;
  }
  std::vector<float> elements(static_cast<std::size_t>(channels.value()));
  for (std::size_t i = 0; i < elements.size(); ++i)
    elements[i] = literal.at<float>(literal.count() == 1 ? 0 : static_cast<int64_t>(i));
  return elements;
}

}  // namespace tegula::compiler
