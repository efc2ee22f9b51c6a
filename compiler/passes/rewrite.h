#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/ops/op_def.h"
#include "schema/base/result.h"

namespace tegula::compiler {

// What passes do to a graph again and again. A pass walks the nodes in execution order and rewrites at the last node of
// a pattern, so that a rewrite erases only the node itself and nodes before it, and the walk goes on at the next.

/// Calls `rewrite(Node&) -> Result<bool>` for each node in order; true: something changed. The rewrite may erase the
/// node and any before it, and add nodes.
template <typename Rewrite>
Result<bool> rewrite_nodes(Graph& graph, Rewrite&& rewrite) {
  bool changed = false;
  Node* node = graph.nodes().empty() ? nullptr : graph.nodes().front().get();
  while (node != nullptr) {
    Node* next = graph.next(node);
    TEGULA_ASSIGN_OR_RETURN(const bool rewritten, rewrite(*node));
    changed |= rewritten;
    node = next;
  }
  if (changed) graph.remove_dead();
  return changed;
}

/// One operand of one node reads the value, and nothing else does.
bool is_read_once(const Value* value);
/// The node that reads the value when it is the only one; nullptr otherwise, and for graph outputs.
Node* only_user(const Value* value);

/// `to` holds the same elements as `from` and takes its place; when nobody reads `to` yet, or `from` is an output of
/// the graph, also its name. The producer of `from` and whatever else nobody reads any more is erased.
void replace_value(Graph& graph, Value* from, Value* to);

/// The first output of `into`, read by `node` only, holds from now on what `node` computes, and has the name of that;
/// `node` goes.
void absorb_node(Graph& graph, Node& node, Node& into);

/// Erases the node if nobody reads its outputs, then what only it has read.
void erase_unread(Graph& graph, Node* node);

/// Adds origins that `into` lacks, at the end.
void add_origins(std::vector<std::string>& into, const std::vector<std::string>& origins);

/// The origins of several nodes, each once.
std::vector<std::string> origins_of(const std::vector<Node*>& nodes);

/// `axis` of a tensor with `rank` dimensions, counted from the front.
int64_t positive_axis(int64_t axis, int rank);

/// The elements of an fp32 constant that, broadcast to `shape`, varies along `axis` only: one per index of that axis,
/// which must be a constant dimension. nullopt when it is no such constant or would add dimensions to `shape`.
std::optional<std::vector<float>> per_channel(const Value* value, const Shape& shape, int axis);

}  // namespace tegula::compiler
