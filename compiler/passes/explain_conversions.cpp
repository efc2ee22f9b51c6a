#include "compiler/passes/explain_conversions.h"

#include <algorithm>
#include <string>

#include "compiler/ops/op_def.h"
#include "compiler/passes/quantization.h"
#include "compiler/quantize/operator_types.h"

namespace tegula::compiler {
namespace {

bool is_real_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16;
}

bool is_float_cast(const FunctionInstruction& instruction) {
  return instruction.function == Function::k_cast && is_real_float(instruction.to);
}

/// A node in words, with its own reason where it has one.
std::string in_words(const Node& node) {
  std::string text = concat("'", name_of(node), "' (", operator_types(node).front(), ")");
  if (!node.rule.empty()) text += concat(" [", node.rule, "]");
  return text;
}

std::string source_in_words(const Value& value) {
  if (value.is_input) return concat("input '", value.name, "' is ", name_of(value.dtype));
  if (value.producer == nullptr) return concat("constant '", value.name, "' is ", name_of(value.dtype));
  return concat(in_words(*value.producer), " gives ", name_of(value.dtype));
}

/// The readers, but for those past the second, which are counted.
std::string readers_in_words(const Graph& graph, const Value& value) {
  constexpr std::size_t kNamed = 2;
  std::string text;
  if (value.is_output) {
    const auto& outputs = graph.outputs();
    const auto output =
        std::find_if(outputs.begin(), outputs.end(), [&](const auto& row) { return row.second == &value; });
    text = concat("output '", output->first, "' is ", name_of(value.dtype));
  }
  std::size_t named = 0;
  for (const Node* reader : value.users) {
    if (named++ == kNamed) return concat(text, " and others");
    text += concat(text.empty() ? "" : ", ", in_words(*reader), " reads ", name_of(value.dtype));
  }
  return text;
}

}  // namespace

bool only_converts(const Node& node) {
  if (node.op != &eltwise_op) return false;
  const auto& instructions = node.attributes.program("program").instructions;
  const auto converts = [](const FunctionInstruction& instruction) {
    return converts_quantization(instruction.function) || is_float_cast(instruction);
  };
  if (!std::all_of(instructions.begin(), instructions.end(), converts)) return false;
  const DType from = node.input(0)->dtype;
  return is_real_float(from) || from == DType::kU8 || from == DType::kS8 || from == DType::kS32;
}

Result<bool> explain_conversions(Graph& graph) {
  for (const auto& node : graph.nodes()) {
    if (!only_converts(*node)) continue;
    node->rule = concat("stays: ", source_in_words(*node->input(0)), "; ", readers_in_words(graph, *node->output()));
  }
  return false;
}

}  // namespace tegula::compiler
