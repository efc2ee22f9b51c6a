#include "compiler/quantize/scale_groups.h"

#include <numeric>

#include "compiler/passes/quantization.h"

namespace tegula::compiler {
namespace {

bool is_real(const Value* value) {
  return value != nullptr && value->dtype == DType::kF32 && !value->is_constant();
}

/// Sets that are joined, each called by one of its members.
class DisjointSets {
 public:
  explicit DisjointSets(std::size_t size) : parents_(size) { std::iota(parents_.begin(), parents_.end(), 0); }
  std::size_t find(std::size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parents_[find(b)] = find(a); }

 private:
  std::vector<std::size_t> parents_;
};

}  // namespace

ScaleGroups::ScaleGroups(const Graph& graph) {
  std::vector<Value*> values;
  const auto add = [&](Value* value) {
    if (is_real(value) && numbers_.emplace(value, values.size()).second) values.push_back(value);
  };
  for (Value* input : graph.inputs()) add(input);
  for (const auto& node : graph.nodes())
    for (Value* output : node->outputs) add(output);

  DisjointSets sets(values.size());
  for (const auto& node : graph.nodes()) {
    if (!is_placing(*node) || !is_real(node->output())) continue;
    for (std::size_t i = 0; i < data_operands(*node); ++i)
      if (is_real(node->input(i))) sets.join(numbers_.at(node->output()), numbers_.at(node->input(i)));
  }
  std::unordered_map<std::size_t, std::size_t> numbers_of_sets;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t group = numbers_of_sets.emplace(sets.find(i), groups_.size()).first->second;
    if (group == groups_.size()) groups_.emplace_back();
    groups_[group].push_back(values[i]);
    numbers_[values[i]] = group;
  }
}

const std::vector<Value*>& ScaleGroups::group_of(const Value* value) const {
  return groups_[numbers_.at(value)];
}

}  // namespace tegula::compiler
