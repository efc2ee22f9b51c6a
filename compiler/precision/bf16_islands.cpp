#include "compiler/precision/bf16_islands.h"

#include <algorithm>

#include "compiler/ops/op_def.h"
#include "compiler/precision/bf16_types.h"

namespace tegula::compiler {
namespace {

// In cycles of a core with AVX-512 BF16 and without tiles, which gain more: two FMAs of 16 lanes a cycle in fp32, two
// vdpbf16ps of 32 products in bf16.
constexpr double kSavedPerMultiplication = 1.0 / 32 - 1.0 / 64;
// A conversion moves 6 bytes an element, some 24 bytes a cycle from and to the second-level cache.
constexpr double kCostPerElement = 0.25;
// What a step costs that does nothing: finding its operands and blocks (measured: about 100 ns).
constexpr double kCostPerStep = 300;

double multiplications(const Node& node) {
  const double results = typical_elements(node.output()->shape);
  if (is_op(&node, "conv")) {
    const Shape& w = node.input(1)->shape;
    return results * typical_elements(Shape(w.begin() + 1, w.end()));
  }
  if (!is_op(&node, "matmul") && !is_op(&node, "weight_only_matmul")) return 0;
  const Shape& a = node.input(0)->shape;
  return results * typical_elements({a[a.size() - (node.attributes.flag("transpose_a") ? 2 : 1)]});
}

class IslandFinder {
 public:
  IslandFinder(const Graph& graph, const Bf16Plan& plan) : graph_(graph), plan_(plan) {}

  std::vector<LosingIsland> find() {
    for (const auto& node : graph_.nodes())
      for (const Value* output : node->outputs)
        if (output != nullptr && is_bf16(*output))
          for (const Node* user : output->users) join(*node, *user);
    for (const auto& node : graph_.nodes()) {
      const Bf16Plan::NodePlan& plan = plan_.of(*node);
      if (!plan.is_bf16) continue;
      Island& island = islands_[root_of(node.get())];
      if (island.nodes.empty()) order_.push_back(root_of(node.get()));
      island.nodes.push_back(node.get());
      island.saved += multiplications(*node) * kSavedPerMultiplication;
      island.is_forced = island.is_forced || plan.is_forced;
    }
    for (const Bf16Plan::Conversion& conversion : plan_.conversions) charge(conversion);
    std::vector<LosingIsland> losing;
    for (const Node* root : order_) {
      Island& island = islands_.at(root);
      if (island.is_forced || island.cost == 0 || island.saved >= island.cost) continue;
      losing.push_back(
          {std::move(island.nodes), concat(island.conversions, island.conversions == 1 ? " cast" : " casts",
                                           " around it would cost more time than bf16 saves here")});
    }
    return losing;
  }

 private:
  struct Island {
    std::vector<const Node*> nodes;
    double saved = 0, cost = 0;
    int conversions = 0;
    bool is_forced = false;
  };

  bool is_bf16(const Value& value) const {
    const auto type = plan_.types.find(&value);
    return type != plan_.types.end() && type->second == DType::kBF16;
  }

  const Node* root_of(const Node* node) {
    const auto parent = parents_.find(node);
    if (parent == parents_.end() || parent->second == node) return node;
    return parent->second = root_of(parent->second);
  }
  void join(const Node& a, const Node& b) { parents_[root_of(&a)] = root_of(&b); }

  /// The islands beside a conversion share what it costs.
  void charge(const Bf16Plan::Conversion& conversion) {
    std::vector<const Node*> roots;
    for (const Node* node : conversion.beside)
      if (plan_.of(*node).is_bf16) roots.push_back(root_of(node));
    std::sort(roots.begin(), roots.end());
    roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
    const double cost = kCostPerStep + kCostPerElement * typical_elements(conversion.value->shape);
    for (const Node* root : roots) {
      const auto island = islands_.find(root);
      if (island == islands_.end()) continue;
      island->second.cost += cost / static_cast<double>(roots.size());
      ++island->second.conversions;
    }
  }

  const Graph& graph_;
  const Bf16Plan& plan_;
  std::unordered_map<const Node*, const Node*> parents_;
  std::unordered_map<const Node*, Island> islands_;
  std::vector<const Node*> order_;
};

}  // namespace

std::vector<LosingIsland> losing_islands(const Graph& graph, const Bf16Plan& plan) {
  return IslandFinder(graph, plan).find();
}

}  // namespace tegula::compiler
