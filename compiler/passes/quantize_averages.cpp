#include "compiler/passes/quantize_averages.h"

#include <vector>

#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

bool is_mean(const Node& node) {
  if (!is_op(&node, "reduce") || node.attributes.text("kind") != "mean") return false;
  const std::vector<int64_t> axes = node.attributes.ints("axes");
  return !axes.empty() && axes.back() - axes.front() == static_cast<int64_t>(axes.size()) - 1 &&
         axes.back() < node.input(0)->rank() - 1;
}

bool is_average(const Node* node) {
  if (node == nullptr) return false;
  if (is_mean(*node)) return true;
  return is_op(node, "pool") && node->attributes.text("kind") == "average" && node->attributes.flag("channels_last");
}

/// The average on quantized values; `quantize` is its reader that becomes part of it, or nullptr.
Result<bool> fold(Graph& graph, Node& node, Node* quantize) {
  const auto source = as_dequantize(node.input(0));
  if (!source || (source->source->dtype != DType::kU8 && source->source->dtype != DType::kS8)) return false;
  Attributes attributes = node.attributes;
  attributes.set("src_scale", static_cast<double>(source->quantization.scale));
  attributes.set("src_zero_point", int64_t{source->quantization.zero_point});
  attributes.set("to", DType::kF32);
  Value* replaced = node.output();
  std::vector<std::string> origins = node.origins;
  if (quantize != nullptr) {
    const Quantization result = as_quantize(quantize->output())->quantization;
    attributes.set("dst_scale_inverse", static_cast<double>(1 / result.scale));
    attributes.set("dst_zero_point", int64_t{result.zero_point});
    replaced = quantize->output();
    attributes.set("to", replaced->dtype);
    add_origins(origins, quantize->origins);
  }
  Builder build(graph, std::move(origins), &node);
  TEGULA_ASSIGN_OR_RETURN(Node* const average, build.node(node.op->name, {source->source}, std::move(attributes)));
  average->rule = node.rule.empty() ? "the model's quantization" : node.rule;
  replace_value(graph, replaced, average->output());
  return true;
}

}  // namespace

Result<bool> quantize_averages(Graph& graph) {
  // An average that is quantized goes at the node that quantizes it, the last of its pattern.
  return rewrite_nodes(graph, [&](Node& node) -> Result<bool> {
    if (as_quantize(node.output())) {
      Node* const average = node.input(0)->producer;
      return is_average(average) && quantizer_of(*average) == &node ? fold(graph, *average, &node)
                                                                    : Result<bool>(false);
    }
    if (!is_average(&node) || quantizer_of(node) != nullptr) return false;
    return fold(graph, node, nullptr);
  });
}

}  // namespace tegula::compiler
