#include "compiler/precision/assign_bf16.h"

#include <algorithm>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/precision/round_weights.h"

namespace tegula::compiler {
namespace {

using NodePlan = Bf16Plan::NodePlan;

/// The program with casts of the inputs that are bf16 before it, and one of its result behind it.
FunctionProgram with_casts(const FunctionProgram& program, const std::vector<bool>& is_bf16, bool stores_bf16) {
  FunctionProgram result{.inputs = program.inputs, .instructions = {}};
  std::vector<uint16_t> read_as(program.inputs);
  const auto cast = [&](uint16_t operand, DType to) {
    FunctionInstruction instruction;
    instruction.function = Function::k_cast;
    instruction.a = operand;
    instruction.to = to;
    result.instructions.push_back(instruction);
    return static_cast<uint16_t>(program.inputs + result.instructions.size() - 1);
  };
  for (uint16_t i = 0; i < program.inputs; ++i) read_as[i] = is_bf16[i] ? cast(i, DType::kF32) : i;
  const auto casts = static_cast<uint16_t>(result.instructions.size());
  const auto place = [&](uint16_t operand) {
    return operand < program.inputs ? read_as[operand] : static_cast<uint16_t>(operand + casts);
  };
  for (FunctionInstruction instruction : program.instructions) {
    const int arity = arity_of(instruction.function);
    instruction.a = place(instruction.a);
    if (arity > 1) instruction.b = place(instruction.b);
    if (arity > 2) instruction.c = place(instruction.c);
    result.instructions.push_back(instruction);
  }
  if (stores_bf16) cast(static_cast<uint16_t>(program.inputs + result.instructions.size() - 1), DType::kBF16);
  return result;
}

/// Whether what a product gives is never negative, by its last post-op; also through operations that only place or
/// choose among elements, and means.
bool is_never_negative(const Value* value) {
  const Node* const node = value->producer;
  if (node == nullptr) return false;
  if (!node->post_ops.empty()) {
    const PostOp& last = node->post_ops.back();
    return last.function == Function::k_relu || last.function == Function::k_sigmoid ||
           (last.function == Function::k_clip && last.alpha >= 0);
  }
  if (is_op(node, "concat"))
    return std::all_of(node->inputs.begin(), node->inputs.end(), [](const Value* v) { return is_never_negative(v); });
  const bool passes = is_op(node, "pool") || is_op(node, "transpose") || is_op(node, "reshape") || is_op(node, "slice");
  return passes && is_never_negative(node->inputs[0]);
}

/// Whether a filter of the convolution meets elements that share a mean: neighbours, which are nearly equal, or numbers
/// of one sign.
bool elements_are_alike(const Node& node) {
  const Literal& weights = *node.input(1)->literal;
  const bool has_neighbours = weights.count() > weights.dims()[0] * weights.dims()[1];
  return has_neighbours || is_never_negative(node.input(0));
}

class Bf16Assigner {
 public:
  Bf16Assigner(Graph& graph, const Bf16Plan& plan) : graph_(graph), plan_(plan) {}

  Result<bool> run() {
    std::vector<Node*> nodes;
    for (const auto& node : graph_.nodes()) nodes.push_back(node.get());
    for (Node* node : nodes) TEGULA_RETURN_IF_ERROR(assign(*node));
    TEGULA_RETURN_IF_ERROR(convert_outputs());
    if (changed_) graph_.remove_dead();
    return changed_;
  }

 private:
  Status assign(Node& node) {
    const NodePlan& plan = plan_.of(node);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) TEGULA_RETURN_IF_ERROR(convert_operand(node, plan, i));
    const bool reads_any =
        plan.ends.form == Bf16Form::kResult || (plan.ends.form == Bf16Form::kProduct && plan.is_bf16);
    for (std::size_t i = 0; i < node.post_ops.size() && !reads_any; ++i) {
      Value* const operand = node.post_ops[i].operand;
      if (operand == nullptr || operand->dtype != DType::kBF16) continue;
      TEGULA_ASSIGN_OR_RETURN(Value* const real, converted(operand, DType::kF32, node));
      graph_.set_post_op_operand(&node, i, real);
    }
    set_rule(node, plan);
    return set_types(node, plan);
  }

  /// The type in which the node has to read an operand; nullopt: it reads both.
  std::optional<DType> needed_type(const Node& node, const NodePlan& plan, std::size_t index) const {
    const auto& operands = plan.ends.operands;
    if (std::find(operands.begin(), operands.end(), index) == operands.end()) return DType::kF32;
    switch (plan.ends.form) {
      case Bf16Form::kProduct: return plan.is_bf16 ? DType::kBF16 : DType::kF32;
      case Bf16Form::kAverage: return plan.is_bf16 ? std::optional(DType::kBF16) : std::nullopt;
      case Bf16Form::kConverter: return std::nullopt;
      case Bf16Form::kMover: return plan_.types.contains(node.output()) ? plan_.types.at(node.output()) : DType::kF32;
      case Bf16Form::kResult:
      case Bf16Form::kNone: return DType::kF32;
    }
    return DType::kF32;
  }

  Status convert_operand(Node& node, const NodePlan& plan, std::size_t index) {
    Value* const operand = node.input(index);
    if (operand == nullptr || (operand->dtype != DType::kF32 && operand->dtype != DType::kBF16)) return {};
    const std::optional<DType> needed = needed_type(node, plan, index);
    if (!needed || operand->dtype == *needed) return {};
    const bool rounds = operand->is_constant() && *needed == DType::kBF16;
    if (rounds && is_op(&node, "conv") && index == 1 && elements_are_alike(node)) {
      changed_ = true;
      graph_.set_input(&node, index, graph_.add_constant(operand->name, rounded_keeping_sums(*operand->literal)));
      return {};
    }
    TEGULA_ASSIGN_OR_RETURN(Value* const value, converted(operand, *needed, node));
    graph_.set_input(&node, index, value);
    return {};
  }

  /// The value as another type, for a reader: one conversion serves all readers that come later.
  Result<Value*> converted(Value* value, DType to, Node& reader) {
    changed_ = true;
    Value*& other = converted_[value];
    if (other != nullptr) return other;
    if (value->is_constant()) return other = graph_.add_constant(value->name, rounded_to_bf16(*value->literal));
    const auto& origins = value->producer != nullptr ? value->producer->origins : reader.origins;
    TEGULA_ASSIGN_OR_RETURN(other, Builder(graph_, origins, &reader).cast(value, to));
    graph_.rename_value(other, concat(value->name, "_", name_of(to)));
    return other;
  }

  Status set_types(Node& node, const NodePlan& plan) {
    const auto is_bf16 = [](const Value* value) { return value != nullptr && value->dtype == DType::kBF16; };
    const bool reads = std::any_of(node.inputs.begin(), node.inputs.end(), is_bf16);
    const bool stores = node.output() != nullptr && plan_.stored(*node.output()) == DType::kBF16;
    constexpr std::size_t kSumOfLayerNorm = 3;
    const Value* const sum = is_op(&node, "layer_norm") ? node.output(kSumOfLayerNorm) : nullptr;
    const bool stores_sum = sum != nullptr && plan_.stored(*sum) == DType::kBF16;
    if (!reads && !stores && !stores_sum) return {};
    changed_ = true;
    if (node.op == &eltwise_op) {
      std::vector<bool> from;
      for (const Value* value : node.inputs) from.push_back(is_bf16(value));
      node.attributes.set("program", with_casts(node.attributes.program("program"), from, stores));
    } else if (plan.ends.form == Bf16Form::kMover) {
      if (is_op(&node, "pool") && node.output(1) != nullptr) graph_.drop_output(&node, 1);
    } else {
      if (stores) node.attributes.set("to", DType::kBF16);
      if (stores_sum) node.attributes.set("sum_to", DType::kBF16);
    }
    return graph_.infer_again(&node);
  }

  /// With what was said of the node before, such as why it is not integer.
  void set_rule(Node& node, const NodePlan& plan) {
    std::string rule = plan.rule;
    if (rule.empty() && plan.ends.form == Bf16Form::kMover && node.output() != nullptr) {
      const auto type = plan_.types.find(node.output());
      if (type != plan_.types.end())
        rule = concat(name_of(type->second) == "bf16" ? "bf16" : "fp32", ": ", default_bf16_class(node).reason);
    }
    if (rule.empty()) return;
    node.rule = node.rule.empty() ? rule : concat(rule, " (", node.rule, ")");
  }

  Status convert_outputs() {
    std::vector<std::pair<std::string, Value*>> outputs = graph_.outputs();
    bool any = false;
    for (auto& [name, value] : outputs) {
      if (plan_.stored(*value) != DType::kBF16) continue;
      Value*& real = converted_[value];
      if (real == nullptr) {
        TEGULA_ASSIGN_OR_RETURN(real, Builder(graph_, value->producer->origins).cast(value, DType::kF32));
      }
      value = real;
      any = changed_ = true;
    }
    if (any) graph_.set_outputs(std::move(outputs));
    return {};
  }

  Graph& graph_;
  const Bf16Plan& plan_;
  std::unordered_map<const Value*, Value*> converted_;
  bool changed_ = false;
};

}  // namespace

Result<bool> assign_bf16(Graph& graph, const Bf16Options& options) {
  TEGULA_ASSIGN_OR_RETURN(const Bf16Plan plan, choose_bf16(graph, options));
  return Bf16Assigner(graph, plan).run();
}

}  // namespace tegula::compiler
