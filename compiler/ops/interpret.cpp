#include "compiler/ops/interpret.h"

#include <unordered_map>

#include "compiler/graph/graph_text.h"
#include "compiler/ops/op_def.h"

namespace tegula::compiler {

Result<std::vector<Literal>> interpret(const Graph& graph, std::span<const Literal> inputs, const SeeNodeOutput& see) {
  if (inputs.size() != graph.inputs().size())
    return Error{ErrorCode::kInvalidArgument,
                 concat("the graph has ", graph.inputs().size(), " inputs, given are ", inputs.size())};
  std::unordered_map<const Value*, Literal> computed;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& input = *graph.inputs()[i];
    if (inputs[i].dtype() != input.dtype || to_shape(inputs[i].dims()) != input.shape)
      return Error{ErrorCode::kInvalidArgument,
                   concat("input '", input.name, "' is ", type_text(input), ", given is ", name_of(inputs[i].dtype()),
                          to_string(to_shape(inputs[i].dims())))};
    computed.emplace(&input, inputs[i]);
  }
  const auto literal_of = [&](const Value* value) -> const Literal* {
    if (!value) return nullptr;
    return value->is_constant() ? &*value->literal : &computed.at(value);
  };
  // How many reads are left of each value, so that the elements go with the last.
  std::unordered_map<const Value*, std::size_t> reads;
  for (const auto& node : graph.nodes())
    for (const Value* output : node->outputs)
      if (output) reads[output] = output->users.size() + (output->is_output ? 1 : 0);

  for (const auto& node : graph.nodes()) {
    std::vector<const Literal*> operands, post_op_operands;
    for (const Value* input : node->inputs) operands.push_back(literal_of(input));
    for (const PostOp& post_op : node->post_ops) post_op_operands.push_back(literal_of(post_op.operand));
    TEGULA_ASSIGN_OR_RETURN(std::vector<Literal> results, evaluate(*node, operands, post_op_operands));
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!node->outputs[i]) continue;
      if (see) TEGULA_RETURN_IF_ERROR(see(*node, i, results[i]));
      computed.insert_or_assign(node->outputs[i], std::move(results[i]));
    }
    const auto release = [&](const Value* value) {
      const auto left = reads.find(value);
      if (left != reads.end() && --left->second == 0) computed.erase(value);
    };
    for (const Value* input : node->inputs) release(input);
    for (const PostOp& post_op : node->post_ops) release(post_op.operand);
  }
  std::vector<Literal> outputs;
  for (const auto& [name, value] : graph.outputs()) outputs.push_back(*literal_of(value));
  return outputs;
}

}  // namespace tegula::compiler
