#include "compiler/driver/dot.h"

#include <unordered_map>

#include "compiler/graph/graph_text.h"
#include "compiler/ops/op_def.h"

namespace tegula::driver {
namespace {

using compiler::Graph;
using compiler::Node;
using compiler::Value;

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result + "\"";
}

std::string label(const Node& node) {
  std::string text(node.op->name);
  if (const auto* function = compiler::single_function(node)) text = name_of(function->function);
  for (const auto& post_op : node.post_ops) text += concat(" + ", name_of(post_op.function));
  return node.origins.empty() ? text : concat(text, " (", node.origins.front(), ")");
}

}  // namespace

std::string dot_text(const Graph& graph) {
  std::unordered_map<const Node*, std::string> names;
  std::string text = "digraph " + in_quotes(graph.name.empty() ? "model" : graph.name) +
                     " {\n  node [shape=box, fontsize=10];\n  edge [fontsize=9];\n";
  const auto source = [&](const Value* value) {
    return value->producer != nullptr ? names.at(value->producer) : "in_" + value->name;
  };
  const auto edge = [&](const Value* value, const std::string& to) {
    if (value == nullptr || value->is_constant()) return;
    text += "  " + in_quotes(source(value)) + " -> " + in_quotes(to) +
            " [label=" + in_quotes(compiler::type_text(*value)) + "];\n";
  };
  for (const Value* input : graph.inputs())
    text += "  " + in_quotes("in_" + input->name) + " [label=" + in_quotes(input->name) + ", shape=ellipse];\n";
  for (const auto& node : graph.nodes()) {
    const std::string name = concat("n", names.size());
    names[node.get()] = name;
    text += "  " + in_quotes(name) + " [label=" + in_quotes(label(*node)) + "];\n";
    for (const Value* input : node->inputs) edge(input, name);
    for (const auto& post_op : node->post_ops) edge(post_op.operand, name);
  }
  for (const auto& [output, value] : graph.outputs()) {
    text += "  " + in_quotes("out_" + output) + " [label=" + in_quotes(output) + ", shape=ellipse];\n";
    edge(value, "out_" + output);
  }
  return text + "}\n";
}

}  // namespace tegula::driver
