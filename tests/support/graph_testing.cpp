#include "tests/support/graph_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "compiler/graph/bind_symbols.h"
#include "compiler/graph/random_literal.h"
#include "compiler/ops/interpret.h"

namespace tegula::compiler {
namespace {

/// Other names for everything but inputs and outputs, and nothing in the text that does not count.
std::string normal_form(std::string_view text) {
  Result<Graph> parsed = parse(text);
  if (!parsed.ok()) return parsed.error().message + "\n" + std::string(text);
  Graph& graph = *parsed;
  graph.constraints.clear();
  std::vector<Value*> values;
  const auto is_nameless = [&](const Value* value) {
    const bool is_output = std::any_of(graph.outputs().begin(), graph.outputs().end(), [&](const auto& output) {
      return output.second == value && output.first == value->name;
    });
    return value && !value->is_input && !is_output;
  };
  for (const auto& node : graph.nodes()) {
    node->origins.clear();
    std::vector<Value*> mentioned = node->inputs;
    for (const PostOp& post_op : node->post_ops) mentioned.push_back(post_op.operand);
    mentioned.insert(mentioned.end(), node->outputs.begin(), node->outputs.end());
    for (Value* value : mentioned)
      if (is_nameless(value) && std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  for (std::size_t i = 0; i < values.size(); ++i) graph.rename_value(values[i], concat("renaming ", i));
  for (std::size_t i = 0; i < values.size(); ++i)
    graph.rename_value(values[i], concat(values[i]->is_constant() ? "constant_" : "value_", i));
  std::string printed = print(graph);
  // Constants are listed in the order in which they were added: sort the lines before the first node.
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < printed.size();) {
    const std::size_t end = printed.find('\n', begin);
    lines.push_back(printed.substr(begin, end - begin));
    begin = end + 1;
  }
  const auto is_const = [](const std::string& line) { return line.starts_with("const "); };
  const auto first = std::find_if(lines.begin(), lines.end(), is_const);
  std::sort(first, std::find_if_not(first, lines.end(), is_const));
  std::string joined;
  for (const std::string& line : lines) joined += line + "\n";
  return joined;
}

std::vector<Literal> run(const Graph& graph, const std::vector<Literal>& inputs) {
  auto outputs = interpret(graph, inputs);
  if (!outputs.ok()) {
    ADD_FAILURE() << outputs.error().message << "\n" << print(graph);
    return {};
  }
  return *std::move(outputs);
}

}  // namespace

GraphText::GraphText(const Graph& graph) : text_(normal_form(print(graph))) {}
GraphText::GraphText(std::string_view text) {
  // Printed once before the rest, as a graph is: a large constant prints as its checksum, which makes another constant.
  const Result<Graph> graph = parse(text);
  text_ = graph.ok() ? normal_form(print(*graph)) : graph.error().message + "\n" + std::string(text);
}

std::vector<Literal> bind_and_fill(Graph& graph) {
  std::map<std::string, int64_t> symbols;
  std::vector<std::string> names;
  for (const Value* input : graph.inputs()) {
    for (const Dim& dim : input->shape) dim.collect_symbols(names);
    if (input->contents)
      for (const Dim& dim : *input->contents) dim.collect_symbols(names);
  }
  for (const std::string& name : names) symbols[name] = 3;
  const auto status = bind_symbols(graph, symbols);
  EXPECT_TRUE(status.ok()) << status.error().message;
  std::vector<Literal> inputs;
  for (const Value* input : graph.inputs()) {
    if (input->contents) {
      std::vector<int64_t> elements;
      for (const Dim& element : *input->contents) elements.push_back(element.value());
      inputs.push_back(Literal::of<int64_t>(*constant_dims(input->shape), elements));
    } else {
      inputs.push_back(random_literal(input->dtype, *constant_dims(input->shape), inputs.size() + 1));
    }
  }
  return inputs;
}

void expect_close(const Literal& actual, const Literal& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.dtype(), expected.dtype()) << what;
  ASSERT_EQ(actual.dims(), expected.dims()) << what;
  const std::vector<double> x = expected.to_doubles(), y = actual.to_doubles();
  double largest = 0;
  for (const double element : x) largest = std::max(largest, std::abs(element));
  const double bound = is_float(expected.dtype()) ? tolerance * largest : 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const bool same = x[k] == y[k] || (std::isnan(x[k]) && std::isnan(y[k])) || std::abs(x[k] - y[k]) <= bound;
    ASSERT_TRUE(same) << what << ", element " << k << ": " << y[k] << ", expected " << x[k];
  }
}

std::ostream& operator<<(std::ostream& out, const GraphText& graph) {
  return out << "\n" << graph.text_;
}

Graph graph_of(std::string_view text) {
  auto graph = parse(text);
  if (!graph.ok()) {
    ADD_FAILURE() << graph.error().message;
    return {};
  }
  const auto status = verify(*graph);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return *std::move(graph);
}

GraphText after(Pass pass, std::string_view text) {
  Graph graph = graph_of(text);
  const std::string before = print(graph);
  const auto changed = pass(graph);
  if (!changed.ok()) {
    ADD_FAILURE() << changed.error().message;
    return GraphText(graph);
  }
  const auto status = verify(graph);
  EXPECT_TRUE(status.ok()) << status.error().message << "\n" << print(graph);
  EXPECT_EQ(*changed, print(graph) != before) << "the pass's answer whether it changed the graph\n" << print(graph);
  return GraphText(graph);
}

void expect_unchanged(Pass pass, std::string_view text, std::source_location where) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "stays as it is");
  EXPECT_EQ(after(pass, text), text);
}

std::string changed(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  std::size_t begin = 0;
  for (std::size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, begin)) {
    result.append(text.substr(begin, at - begin)).append(to);
    begin = at + from.size();
  }
  EXPECT_GT(begin, 0U) << "no '" << from << "' in " << text;
  return result.append(text.substr(begin));
}

void expect_same_values(Pass pass, std::string_view text, double tolerance) {
  Graph graph = graph_of(text);
  Graph changed_graph = graph_of(text);
  const auto changed = pass(changed_graph);
  ASSERT_TRUE(changed.ok()) << changed.error().message;
  EXPECT_TRUE(*changed) << "the pass leaves the graph alone";
  const std::vector<Literal> inputs = bind_and_fill(graph);
  bind_and_fill(changed_graph);
  const std::vector<Literal> expected = run(graph, inputs), actual = run(changed_graph, inputs);
  ASSERT_EQ(expected.size(), actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    expect_close(actual[i], expected[i], tolerance,
                 "output " + graph.outputs()[i].first + " of\n" + print(changed_graph));
}

}  // namespace tegula::compiler
