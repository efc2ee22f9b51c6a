#include "compiler/precision/position_nodes.h"

#include <algorithm>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/precision/bf16_classes.h"
#include "compiler/precision/bf16_kernels.h"

namespace tegula::compiler {
namespace {

bool is_wide_integer(DType type) {
  return type == DType::kS32 || type == DType::kU32 || type == DType::kS64 || type == DType::kU64 ||
         type == DType::kBool;
}

/// The operands that the results are made of: not the indices of a gather.
std::vector<const Value*> sources_of(const Node& node) {
  const bool is_selection = node.op->name.starts_with("gather") || is_op(&node, "one_hot");
  if (is_selection) return {node.input(is_op(&node, "one_hot") ? 1 : 0)};
  std::vector<const Value*> sources;
  for (const Value* value : node.inputs)
    if (value != nullptr) sources.push_back(value);
  for (const PostOp& post_op : node.post_ops)
    if (post_op.operand != nullptr) sources.push_back(post_op.operand);
  return sources;
}

bool is_outer_product(const Node& node) {
  if (!is_op(&node, "matmul")) return false;
  const Shape& a = node.input(0)->shape;
  return a[a.size() - (node.attributes.flag("transpose_a") ? 2 : 1)].is(1);
}

/// What hands positions on.
bool passes_on(const Node& node) {
  return is_op(&node, "eltwise") || is_op(&node, "cumsum") || is_outer_product(node) ||
         bf16_ends(node).form == Bf16Form::kMover;
}

class PositionFinder {
 public:
  explicit PositionFinder(const Graph& graph) : graph_(graph) {}

  std::unordered_set<const Node*> find() {
    for (const auto& node : graph_.nodes()) {
      if (is_op(node.get(), "range") || is_op(node.get(), "materialize") || comes_from_positions(*node))
        found_.insert(node.get());
    }
    for (const auto& node : graph_.nodes())
      if (makes_integers(*node)) add_sources(*node);
    return std::move(found_);
  }

 private:
  bool is_position(const Value& value) const {
    return is_wide_integer(value.dtype) || (value.producer != nullptr && found_.contains(value.producer));
  }

  bool comes_from_positions(const Node& node) const {
    if (!passes_on(node)) return false;
    bool any = false;
    for (const Value* source : sources_of(node)) {
      if (source->is_constant()) continue;
      if (!is_position(*source)) return false;
      any = true;
    }
    return any;
  }

  static bool makes_integers(const Node& node) {
    const auto is_real = [](const Value* value) { return value != nullptr && value->dtype == DType::kF32; };
    return is_op(&node, "eltwise") && is_wide_integer(node.output()->dtype) && node.output()->dtype != DType::kBool &&
           std::any_of(node.inputs.begin(), node.inputs.end(), is_real);
  }

  void add_sources(const Node& last) {
    std::vector<const Node*> open = {&last};
    while (!open.empty()) {
      const Node* node = open.back();
      open.pop_back();
      for (const Value* source : sources_of(*node)) {
        const Node* producer = source->producer;
        if (producer != nullptr && passes_on(*producer) && found_.insert(producer).second) open.push_back(producer);
      }
    }
  }

  const Graph& graph_;
  std::unordered_set<const Node*> found_;
};

}  // namespace

std::unordered_set<const Node*> position_nodes(const Graph& graph) {
  return PositionFinder(graph).find();
}

}  // namespace tegula::compiler
