#include "compiler/quantize/quantization_options.h"

#include <algorithm>
#include <array>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

constexpr std::array<std::string_view, 3> kApproaches = {"static", "dynamic", "weight_only"};

/// What the quantizer makes integer of its own accord: the rest follows from these.
bool is_product(const Node& node) {
  return is_op(&node, "conv") || is_op(&node, "matmul");
}

void apply(const QuantizationRule& rule, ProductChoice& choice) {
  if (rule.quantized) choice.quantized = *rule.quantized;
  if (rule.approach) choice.approach = *rule.approach;
  if (rule.algorithm) choice.activation.algorithm = *rule.algorithm;
  if (rule.percentile) choice.activation.percentile = *rule.percentile;
  if (rule.collector) choice.activation.collector = *rule.collector;
  if (rule.symmetric_activation) choice.symmetric_activation = *rule.symmetric_activation;
  if (rule.per_channel_weights) choice.per_channel_weights = *rule.per_channel_weights;
  choice.reason = concat("by the rule for ", rule.selector.description());
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

Result<std::vector<std::pair<Node*, ProductChoice>>> choose_products(const Graph& graph,
                                                                     const QuantizationOptions& options) {
  std::vector<std::pair<Node*, ProductChoice>> choices;
  for (const auto& node : graph.nodes()) {
    if (!is_product(*node)) continue;
    choices.emplace_back(node.get(), options.defaults);
    choices.back().second.activation.algorithm =
        options.algorithm.value_or(is_op(node.get(), "conv") ? RangeAlgorithm::kPercentile : RangeAlgorithm::kMse);
  }
  const auto leave_out = [](ProductChoice& choice, const char* reason) {
    choice.quantized = false;
    choice.reason = reason;
  };
  if (!choices.empty() && !options.first_layer) leave_out(choices.front().second, "the first layer stays real");
  if (!choices.empty() && !options.last_layer) leave_out(choices.back().second, "the last layer stays real");
  for (const QuantizationRule& rule : options.rules) {
    TEGULA_ASSIGN_OR_RETURN(const std::vector<Node*> nodes, rule.selector.select(graph));
    bool used = false;
    for (auto& [node, choice] : choices) {
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) continue;
      apply(rule, choice);
      used = true;
    }
    if (!used)
      return Error{ErrorCode::kInvalidArgument,
                   concat("the rule for ", rule.selector.description(),
                          " selects no product: rules speak of Conv, Gemm and MatMul, and what stands between them "
                          "follows")};
  }
  return choices;
}

}  // namespace tegula::compiler
