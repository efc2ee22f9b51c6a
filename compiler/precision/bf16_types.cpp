#include "compiler/precision/bf16_types.h"

#include <algorithm>
#include <map>
#include <string>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

using NodePlan = Bf16Plan::NodePlan;

/// What a reader says about the type of an operand.
enum class Wish : uint8_t { kNone, kNeedsBf16, kLikesBf16, kLikesF32, kNeedsF32 };

bool is_candidate(const Value* value) {
  return value != nullptr && value->dtype == DType::kF32 && !value->is_constant();
}

Wish wish_for_operand(const NodePlan& plan, std::size_t index) {
  const auto& operands = plan.ends.operands;
  if (std::find(operands.begin(), operands.end(), index) == operands.end()) return Wish::kNeedsF32;
  switch (plan.ends.form) {
    case Bf16Form::kProduct: return plan.is_bf16 ? Wish::kNeedsBf16 : Wish::kNeedsF32;
    case Bf16Form::kAverage: return plan.is_bf16 ? Wish::kNeedsBf16 : Wish::kLikesF32;
    case Bf16Form::kConverter: return plan.is_bf16 ? Wish::kLikesBf16 : Wish::kLikesF32;
    case Bf16Form::kMover: return plan.is_bf16 ? Wish::kNeedsBf16 : Wish::kNone;
    case Bf16Form::kResult:
    case Bf16Form::kNone: return Wish::kNeedsF32;
  }
  return Wish::kNeedsF32;
}

Wish wish_for_post_op(const NodePlan& plan) {
  if (plan.ends.form == Bf16Form::kResult) return Wish::kNone;
  return plan.ends.form == Bf16Form::kProduct && plan.is_bf16 ? Wish::kLikesBf16 : Wish::kNeedsF32;
}

/// Whether the producer's kernel can store the value as bf16.
bool stores_bf16(const Bf16Plan& plan, const Value& value) {
  if (value.producer == nullptr) return false;
  const Node& node = *value.producer;
  const NodePlan& producer = plan.of(node);
  constexpr std::size_t kSumOfLayerNorm = 3;
  const bool is_result =
      node.output() == &value || (is_op(&node, "layer_norm") && node.output(kSumOfLayerNorm) == &value);
  switch (producer.ends.form) {
    case Bf16Form::kProduct:
    case Bf16Form::kAverage: return is_result && producer.is_bf16;
    case Bf16Form::kConverter:
    case Bf16Form::kResult:
    case Bf16Form::kMover: return is_result;
    case Bf16Form::kNone: return false;
  }
  return false;
}

/// Values that have one type because operations between them only move elements.
struct Group {
  std::vector<const Value*> values;
  int likes_bf16 = 0, likes_f32 = 0;
  int bf16_writers = 0;                ///< of bf16 operations
  int f32_writers = 0;                 ///< of fp32 ones, whether or not they can store bf16
  std::vector<const Value*> only_f32;  ///< whose producer cannot store bf16
  std::map<const Value*, std::vector<const Node*>> need_bf16;
  std::map<const Value*, int> need_f32;  ///< readers that are nodes
};

class TypeChooser {
 public:
  TypeChooser(const Graph& graph, Bf16Plan& plan) : graph_(graph), plan_(plan) {}

  void run() {
    plan_.types.clear();
    plan_.conversions.clear();
    join_moved_values();
    for (const Value* input : graph_.inputs()) add(input);
    for (const auto& node : graph_.nodes())
      for (const Value* output : node->outputs) add(output);
    for (const Value* root : order_) choose(groups_.at(root));
  }

 private:
  const Value* root_of(const Value* value) {
    const auto parent = parents_.find(value);
    if (parent == parents_.end() || parent->second == value) return value;
    return parent->second = root_of(parent->second);
  }

  void join_moved_values() {
    for (const auto& node : graph_.nodes()) {
      const NodePlan& plan = plan_.of(*node);
      if (plan.ends.form != Bf16Form::kMover || !is_candidate(node->output())) continue;
      for (const std::size_t i : plan.ends.operands)
        if (is_candidate(node->input(i))) parents_[root_of(node->input(i))] = root_of(node->output());
    }
  }

  void add(const Value* value) {
    if (!is_candidate(value)) return;
    const Value* const root = root_of(value);
    if (!groups_.contains(root)) order_.push_back(root);
    Group& group = groups_[root];
    group.values.push_back(value);
    add_writer(group, *value);
    if (value->is_output) group.need_f32.try_emplace(value, 0);
    std::vector<const Node*> readers(value->users.begin(), value->users.end());
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (const Node* reader : readers) add_reader(group, *value, *reader);
  }

  void add_writer(Group& group, const Value& value) {
    const Node* const producer = value.producer;
    if (!stores_bf16(plan_, value)) group.only_f32.push_back(&value);
    if (producer != nullptr && plan_.of(*producer).ends.form == Bf16Form::kMover) return;
    ++(producer != nullptr && plan_.of(*producer).is_bf16 ? group.bf16_writers : group.f32_writers);
  }

  void add_reader(Group& group, const Value& value, const Node& reader) {
    const NodePlan& plan = plan_.of(reader);
    if (is_inside_of_chain(value)) return;
    const auto say = [&](Wish wish) {
      switch (wish) {
        case Wish::kNone: break;
        case Wish::kNeedsBf16: group.need_bf16[&value].push_back(&reader); break;
        case Wish::kLikesBf16: ++group.likes_bf16; break;
        case Wish::kLikesF32: ++group.likes_f32; break;
        case Wish::kNeedsF32: ++group.need_f32[&value]; break;
      }
    };
    for (std::size_t i = 0; i < reader.inputs.size(); ++i)
      if (reader.inputs[i] == &value) say(wish_for_operand(plan, i));
    for (const PostOp& post_op : reader.post_ops)
      if (post_op.operand == &value) say(wish_for_post_op(plan));
  }

  /// Elementwise nodes that will be one loop keep what is between them in registers.
  static bool is_inside_of_chain(const Value& value) {
    return is_op(value.producer, "eltwise") && !value.is_output && value.users.size() == 1 &&
           is_op(value.users[0], "eltwise") && value.users[0]->output()->shape == value.shape;
  }

  /// Conversions that a group has with one type, or the other.
  std::vector<Bf16Plan::Conversion> conversions(const Group& group, DType type) const {
    std::vector<Bf16Plan::Conversion> list;
    std::vector<const Node*> all_needing;
    for (const auto& [value, readers] : group.need_bf16)
      all_needing.insert(all_needing.end(), readers.begin(), readers.end());
    for (const Value* value : group.values) {
      const bool only_f32 = std::find(group.only_f32.begin(), group.only_f32.end(), value) != group.only_f32.end();
      const auto needing = group.need_bf16.find(value);
      const auto needing_f32 = group.need_f32.find(value);
      if (type == DType::kF32) {
        if (needing != group.need_bf16.end()) list.push_back({value, DType::kBF16, value->is_input, needing->second});
      } else if (only_f32) {
        list.push_back({value, DType::kBF16, value->is_input, all_needing});
      } else if (needing_f32 != group.need_f32.end()) {
        std::vector<const Node*> beside;
        if (value->producer != nullptr && plan_.of(*value->producer).is_bf16) beside.push_back(value->producer);
        list.push_back({value, DType::kF32, needing_f32->second == 0, std::move(beside)});
      }
    }
    return list;
  }

  static std::pair<int, double> cost_of(const std::vector<Bf16Plan::Conversion>& conversions) {
    std::pair<int, double> cost{0, 0};
    for (const Bf16Plan::Conversion& conversion : conversions) {
      if (!conversion.at_border) ++cost.first;
      cost.second += typical_elements(conversion.value->shape);
    }
    return cost;
  }

  void choose(const Group& group) {
    const DType type = type_of(group);
    for (const Value* value : group.values) plan_.types[value] = type;
    const auto list = conversions(group, type);
    plan_.conversions.insert(plan_.conversions.end(), list.begin(), list.end());
  }

  DType type_of(const Group& group) const {
    int f32_readers = group.likes_f32;
    for (const auto& [value, readers] : group.need_f32) f32_readers += readers;
    if (group.need_bf16.empty()) {
      const bool is_wanted = group.likes_bf16 > 0 && f32_readers == 0 && group.need_f32.empty();
      return is_wanted && group.only_f32.empty() ? DType::kBF16 : DType::kF32;
    }
    if (group.f32_writers > 0 && f32_readers > 0) return DType::kF32;  // nothing is rounded between two fp32 operations
    const auto as_bf16 = cost_of(conversions(group, DType::kBF16)), as_f32 = cost_of(conversions(group, DType::kF32));
    return as_bf16 <= as_f32 ? DType::kBF16 : DType::kF32;
  }

  const Graph& graph_;
  Bf16Plan& plan_;
  std::unordered_map<const Value*, const Value*> parents_;
  std::unordered_map<const Value*, Group> groups_;
  std::vector<const Value*> order_;
};

}  // namespace

void choose_bf16_types(const Graph& graph, Bf16Plan& plan) {
  TypeChooser(graph, plan).run();
}

double typical_elements(const Shape& shape) {
  constexpr int64_t kTypicalSize = 64;
  double elements = 1;
  for (const Dim& dim : shape) {
    std::vector<std::string> names;
    dim.collect_symbols(names);
    std::map<std::string, int64_t> symbols;
    for (const std::string& name : names) symbols[name] = kTypicalSize;
    elements *= static_cast<double>(std::max<int64_t>(dim.evaluate(symbols).value_or(kTypicalSize), 0));
  }
  return elements;
}

DType Bf16Plan::stored(const Value& value) const {
  const auto type = types.find(&value);
  return type != types.end() && type->second == DType::kBF16 && stores_bf16(*this, value) ? DType::kBF16 : value.dtype;
}

}  // namespace tegula::compiler
