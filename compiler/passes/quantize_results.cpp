#include "compiler/passes/quantize_results.h"

#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

bool stores_other_types(const Node* node) {
  return is_op(node, "layer_norm") || is_op(node, "softmax") || is_op(node, "attention");
}

bool has_one_result(const Node& node) {
  for (std::size_t i = 1; i < node.outputs.size(); ++i)
    if (node.outputs[i] != nullptr && (!node.outputs[i]->users.empty() || node.outputs[i]->is_output)) return false;
  return true;
}

Result<bool> rewrite(Graph& graph, Node& quantize) {
  const auto link = as_quantize(quantize.output());
  if (!link || !stores_other_types(link->source->producer) || only_user(link->source) != &quantize) return false;
  const Node& node = *link->source->producer;
  if (node.attributes.dtype("to", DType::kF32) != DType::kF32 || !node.post_ops.empty() || !has_one_result(node))
    return false;
  Attributes attributes = node.attributes;
  attributes.set("to", quantize.output()->dtype);
  attributes.set("dst_scale_inverse", static_cast<double>(1 / link->quantization.scale));
  attributes.set("dst_zero_point", int64_t{link->quantization.zero_point});
  std::vector<std::string> origins = node.origins;
  add_origins(origins, quantize.origins);
  Builder build(graph, std::move(origins), &quantize);
  TEGULA_ASSIGN_OR_RETURN(Node* const stored, build.node(node.op->name, node.inputs, std::move(attributes)));
  stored->rule = node.rule;
  replace_value(graph, quantize.output(), stored->output());
  return true;
}

}  // namespace

Result<bool> quantize_results(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return rewrite(graph, node); });
}

}  // namespace tegula::compiler
