#include "compiler/quantize/tensor_rule.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "compiler/ops/op_def.h"
#include "compiler/quantize/nearest_names.h"

namespace tegula::compiler {
namespace {

bool is_real(const Value* value) {
  return value != nullptr && value->dtype == DType::kF32 && !value->is_constant();
}

/// By the first value of each group, those of which some member is what operations read as integers: operands of
/// products and what averages, sums and products of two tensors take.
std::unordered_set<const Value*> groups_that_are_read(const Graph& graph, const ScaleGroups& groups) {
  std::unordered_set<const Value*> read;
  const auto add = [&](const Value* value) {
    if (is_real(value)) read.insert(groups.group_of(value).front());
  };
  for (const auto& node : graph.nodes()) {
    const bool reads = is_op(node.get(), "conv") || is_op(node.get(), "matmul") || is_op(node.get(), "reduce") ||
                       is_op(node.get(), "pool") || is_function(node.get(), Function::k_add) ||
                       is_function(node.get(), Function::k_mul);
    if (!reads) continue;
    for (const Value* input : node->inputs) add(input);
    for (const PostOp& post_op : node->post_ops) add(post_op.operand);
  }
  return read;
}

Error at(const TensorRule& rule, std::string_view what) {
  return {ErrorCode::kInvalidArgument, concat(rule.place, rule.place.empty() ? "" : ": ", what)};
}

}  // namespace

TensorRule TensorRule::name(std::string_view name) {
  return TensorRule(name);
}

Result<TensorRule> TensorRule::regex(std::string_view expression) {
  TensorRule rule(expression);
  try {
    rule.expression_.emplace(rule.text_, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return Error{ErrorCode::kInvalidArgument, concat("'", expression, "' is no regular expression: ", error.what())};
  }
  return rule;
}

bool TensorRule::selects(std::string_view tensor) const {
  return expression_ ? std::regex_match(tensor.begin(), tensor.end(), *expression_) : tensor == text_;
}

std::string TensorRule::description() const {
  return concat(expression_ ? "tensors like '" : "tensor '", text_, "'");
}

Result<TensorRules> TensorRules::match(const Graph& graph, const ScaleGroups& groups,
                                       const std::vector<TensorRule>& rules) {
  TensorRules result;
  if (rules.empty()) return result;
  const std::unordered_set<const Value*> read = groups_that_are_read(graph, groups);
  for (const TensorRule& rule : rules) {
    std::set<std::string> others;
    bool matches = false, used = false;
    for (const auto& value : graph.values()) {
      if (!is_real(value.get())) continue;
      const Value* const group = groups.group_of(value.get()).front();
      if (read.contains(group)) others.insert(value->name);
      if (!rule.selects(value->name)) continue;
      matches = true;
      if (!read.contains(group)) continue;
      used = true;
      result.rules_[group] = &rule;
    }
    if (used) continue;
    const std::string near = nearest_names(rule.text(), others);
    return at(rule, concat("the rule for ", rule.description(),
                           matches ? " selects none that an integer operation could read"
                                   : " matches no tensor of the compiled model",
                           near.empty() ? "" : "; there are ", near));
  }
  return result;
}

const TensorRule* TensorRules::of(const ScaleGroups& groups, const Value* value) const {
  const auto found = rules_.find(groups.group_of(value).front());
  return found == rules_.end() ? nullptr : found->second;
}

}  // namespace tegula::compiler
