#include "compiler/importer/node_order.h"

#include <onnx/onnx_pb.h>

#include <queue>
#include <unordered_map>
#include <unordered_set>

namespace tegula::compiler {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalidFile, std::move(message)};
}

using Writers = std::unordered_map<std::string, int>;

/// What the bodies of If, Loop and Scan read from the graphs around them (and maybe names of their own: harmless, since
/// a name has one writer).
void collect_captured(const onnx::NodeProto& node, const Writers& writers, std::unordered_set<int>& read) {
  const auto add = [&](const std::string& name) {
    if (const auto writer = writers.find(name); writer != writers.end()) read.insert(writer->second);
  };
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    const auto add_graph = [&](const onnx::GraphProto& graph) {
      for (const onnx::NodeProto& inner : graph.node()) {
        for (const std::string& name : inner.input()) add(name);
        collect_captured(inner, writers, read);
      }
      for (const onnx::ValueInfoProto& output : graph.output()) add(output.name());
    };
    if (attribute.has_g()) add_graph(attribute.g());
    for (const onnx::GraphProto& graph : attribute.graphs()) add_graph(graph);
  }
}

Result<Writers> find_writers(const NodeProtos& nodes, const std::function<bool(const std::string&)>& is_known) {
  Writers writers;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string& name : nodes[i].output()) {
      if (name.empty()) continue;
      if (!writers.emplace(name, i).second || is_known(name))
        return invalid(concat("node '", label_of(nodes[i]), "' (", nodes[i].op_type(), "): writes '", name,
                              "', which something else already gives"));
    }
  return writers;
}

}  // namespace

std::string label_of(const onnx::NodeProto& node) {
  if (!node.name().empty()) return node.name();
  for (const std::string& output : node.output())
    if (!output.empty()) return output;
  return node.op_type();
}

Result<std::vector<const onnx::NodeProto*>> execution_order(const NodeProtos& nodes,
                                                            const std::function<bool(const std::string&)>& is_known) {
  TEGULA_ASSIGN_OR_RETURN(const Writers writers, find_writers(nodes, is_known));
  const std::size_t count = static_cast<std::size_t>(nodes.size());
  std::vector<std::vector<int>> readers(count);
  std::vector<std::size_t> missing(count);  // writers that have not run yet
  bool in_order = true;
  for (int i = 0; i < nodes.size(); ++i) {
    std::unordered_set<int> read;
    for (const std::string& name : nodes[i].input()) {
      if (name.empty()) continue;
      if (const auto writer = writers.find(name); writer != writers.end()) {
        read.insert(writer->second);
      } else if (!is_known(name)) {
        return invalid(concat("node '", label_of(nodes[i]), "' (", nodes[i].op_type(), "): reads '", name,
                              "', which nothing gives"));
      }
    }
    collect_captured(nodes[i], writers, read);
    missing[static_cast<std::size_t>(i)] = read.size();
    for (const int writer : read) {
      in_order &= writer < i;
      readers[static_cast<std::size_t>(writer)].push_back(i);
    }
  }

  std::vector<const onnx::NodeProto*> order;
  order.reserve(count);
  if (in_order) {
    for (const onnx::NodeProto& node : nodes) order.push_back(&node);
    return order;
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i)
    if (missing[static_cast<std::size_t>(i)] == 0) ready.push(i);
  while (!ready.empty()) {
    const int i = ready.top();
    ready.pop();
    order.push_back(&nodes[i]);
    for (const int reader : readers[static_cast<std::size_t>(i)])
      if (--missing[static_cast<std::size_t>(reader)] == 0) ready.push(reader);
  }
  if (order.size() == count) return order;
  for (int i = 0; i < nodes.size(); ++i)
    if (missing[static_cast<std::size_t>(i)] != 0)
      return invalid(
          concat("node '", label_of(nodes[i]), "' (", nodes[i].op_type(), "): reads, in a cycle, what it writes"));
  return order;
}

}  // namespace tegula::compiler
