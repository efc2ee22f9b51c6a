#include "compiler/quantize/quantization_options.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>

#include "compiler/ops/op_def.h"
#include "compiler/quantize/embedding_tables.h"
#include "compiler/quantize/nearest_names.h"
#include "compiler/quantize/operator_types.h"
#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

constexpr std::array<std::string_view, 3> kApproaches = {"static", "dynamic", "weight_only"};
constexpr std::array<std::string_view, 2> kWeightAlgorithms = {"minmax", "mse"};

using Choices = std::vector<std::pair<Node*, ProductChoice>>;

/// What the quantizer makes integer of its own accord: the rest follows from these.
bool is_product(const Node& node) {
  return is_op(&node, "conv") || is_op(&node, "matmul") || is_op(&node, "attention");
}

void apply(const QuantizationRule& rule, ProductChoice& choice) {
  if (rule.quantized) choice.quantized = *rule.quantized;
  if (rule.approach) choice.approach = *rule.approach;
  if (rule.algorithm) choice.activation.algorithm = *rule.algorithm;
  if (rule.percentile) choice.activation.percentile = *rule.percentile;
  if (rule.collector) choice.activation.collector = *rule.collector;
  if (rule.symmetric_activation) choice.symmetric_activation = *rule.symmetric_activation;
  if (rule.per_row_activation) choice.per_row_activation = *rule.per_row_activation;
  if (rule.per_channel_weights) choice.per_channel_weights = *rule.per_channel_weights;
  if (rule.weight_algorithm) choice.weight_algorithm = *rule.weight_algorithm;
  choice.reason = concat("by the rule for ", rule.selector.description());
}

Error at(const QuantizationRule& rule, std::string_view what) {
  return {ErrorCode::kInvalidArgument, concat(rule.place, rule.place.empty() ? "" : ": ", what)};
}

/// The names of the products that are nearest to what a rule looks for among nodes of other kinds.
std::string nearest_products(const NodeSelector& selector, const Choices& choices) {
  std::set<std::string> names;
  for (const auto& [node, choice] : choices) {
    if (selector.kind() == NodeSelector::Kind::kType)
      names.insert(operator_types(*node).front());
    else
      names.insert(node->origins.begin(), node->origins.end());
  }
  return nearest_names(selector.text(), names);
}

/// The choices of the rule's products.
Result<std::vector<ProductChoice*>> chosen_by(const QuantizationRule& rule, const Graph& graph, Choices& choices) {
  const auto nodes = rule.selector.select(graph);
  if (!nodes.ok()) return at(rule, nodes.error().message);
  const std::unordered_set<const Node*> selected(nodes->begin(), nodes->end());
  std::vector<ProductChoice*> chosen;
  for (auto& [node, choice] : choices)
    if (selected.contains(node)) chosen.push_back(&choice);
  if (!chosen.empty()) return chosen;
  const std::string near = nearest_products(rule.selector, choices);
  return at(
      rule,
      concat("the rule for ", rule.selector.description(),
             " selects no product: rules speak of Conv, Gemm, MatMul, Attention and Gather (tables), and what stands "
             "between them follows",
             near.empty() ? "" : "; there are ", near));
}

/// Of the products that stay int8, one has to take what a rule says of activations.
Status check_approach(const QuantizationRule& rule, const std::vector<ProductChoice*>& chosen) {
  const ProductChoice* without = nullptr;
  for (const ProductChoice* choice : chosen) {
    if (!choice->quantized) continue;
    if (!rule.contradicts(choice->approach)) return {};
    without = choice;
  }
  if (without == nullptr) return {};
  return at(rule,
            concat("the rule for ", rule.selector.description(), " says of activations what its products, which are ",
                   to_string(without->approach), ", cannot have; give it an approach, or take its activation out"));
}

}  // namespace

std::string_view to_string(Approach approach) {
  return kApproaches[static_cast<std::size_t>(approach)];
}

std::optional<Approach> approach_from_name(std::string_view name) {
  const auto found = std::find(kApproaches.begin(), kApproaches.end(), name);
  if (found == kApproaches.end()) return std::nullopt;
  return static_cast<Approach>(found - kApproaches.begin());
}

std::string_view to_string(WeightAlgorithm algorithm) {
  return kWeightAlgorithms[static_cast<std::size_t>(algorithm)];
}

std::optional<WeightAlgorithm> weight_algorithm_from_name(std::string_view name) {
  const auto found = std::find(kWeightAlgorithms.begin(), kWeightAlgorithms.end(), name);
  if (found == kWeightAlgorithms.end()) return std::nullopt;
  return static_cast<WeightAlgorithm>(found - kWeightAlgorithms.begin());
}

bool QuantizationRule::contradicts(Approach other) const {
  switch (other) {
    case Approach::kStatic: return false;
    case Approach::kDynamic:
      return symmetric_activation.value_or(false) || percentile ||
             algorithm.value_or(RangeAlgorithm::kMinMax) != RangeAlgorithm::kMinMax;
    case Approach::kWeightOnly: return symmetric_activation || percentile || algorithm;
  }
  TEGULA_CHECK(false, "all approaches are above");
}

Result<std::vector<std::pair<Node*, ProductChoice>>> choose_products(const Graph& graph,
                                                                     const QuantizationOptions& options) {
  Choices choices;
  for (const auto& node : graph.nodes()) {
    if (!is_product(*node) && !is_embedding(*node)) continue;
    choices.emplace_back(node.get(), options.defaults);
    choices.back().second.activation.algorithm =
        options.algorithm.value_or(is_op(node.get(), "conv") ? RangeAlgorithm::kPercentile : RangeAlgorithm::kMse);
  }
  const auto leave_out = [](ProductChoice& choice, const char* reason) {
    choice.quantized = false;
    choice.reason = reason;
  };
  const auto is_layer = [](const auto& choice) { return !is_embedding(*choice.first); };
  const auto first = std::find_if(choices.begin(), choices.end(), is_layer);
  const auto last = std::find_if(choices.rbegin(), choices.rend(), is_layer);
  if (first != choices.end() && !options.first_layer) leave_out(first->second, "the first layer stays real");
  if (last != choices.rend() && !options.last_layer) leave_out(last->second, "the last layer stays real");
  for (auto& [node, choice] : choices)
    if (is_embedding(*node) && table_bytes(*node) < kSmallestTable) leave_out(choice, "its table is small");
  std::vector<std::vector<ProductChoice*>> chosen;
  for (const QuantizationRule& rule : options.rules) {
    TEGULA_ASSIGN_OR_RETURN(auto products, chosen_by(rule, graph, choices));
    for (ProductChoice* choice : products) apply(rule, *choice);
    chosen.push_back(std::move(products));
  }
  for (std::size_t i = 0; i < chosen.size(); ++i) TEGULA_RETURN_IF_ERROR(check_approach(options.rules[i], chosen[i]));
  return choices;
}

}  // namespace tegula::compiler
