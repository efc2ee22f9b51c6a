#include "compiler/graph/bind_symbols.h"

#include <algorithm>

namespace tegula::compiler {
namespace {

enum class Answer { kHolds, kFails, kOpen };

Answer check(const GraphConstraint& constraint) {
  const Dim &a = constraint.a, &b = constraint.b;
  if (a == b && constraint.kind != GraphConstraint::Kind::kDivisible) return Answer::kHolds;
  if (!a.is_constant() || !b.is_constant()) return Answer::kOpen;
  const auto holds = [&] {
    switch (constraint.kind) {
      case GraphConstraint::Kind::kEqual: return a == b;
      case GraphConstraint::Kind::kDivisible: return !b.is(0) && mod(a, b).is(0);
      case GraphConstraint::Kind::kBroadcast: return a == b || a.is(1) || b.is(1);
      case GraphConstraint::Kind::kAtLeast: return a.value() >= b.value();
    }
    return false;
  };
  return holds() ? Answer::kHolds : Answer::kFails;
}

}  // namespace

Status bind_symbols(Graph& graph, const std::map<std::string, int64_t>& symbols) {
  const std::map<std::string, Dim> values(symbols.begin(), symbols.end());
  const auto bind = [&](std::vector<Dim>& dims) {
    for (Dim& dim : dims) dim = dim.substitute(values);
  };
  std::erase_if(graph.symbols, [&](const SymbolRange& range) { return symbols.contains(range.name); });
  for (Value* input : graph.inputs()) {
    bind(input->shape);
    if (input->contents) bind(*input->contents);
    if (input->reals) bind(*input->reals);
  }
  for (const auto& node : graph.nodes()) {
    for (auto& [name, attribute] : node->attributes.map())
      if (auto* dims = std::get_if<Shape>(&attribute)) bind(*dims);
    TEGULA_RETURN_IF_ERROR(graph.infer_again(node.get()));
  }
  std::vector<GraphConstraint> open;
  for (GraphConstraint& constraint : graph.constraints) {
    constraint.a = constraint.a.substitute(values);
    constraint.b = constraint.b.substitute(values);
    const Answer answer = check(constraint);
    if (answer == Answer::kFails)
      return Error{ErrorCode::kInvalidArgument,
                   concat(constraint.message, " (", constraint.a.to_string(), ", ", constraint.b.to_string(), ")")};
    // Inferring again has asked for some of them a second time.
    const bool is_known = std::any_of(open.begin(), open.end(), [&](const GraphConstraint& other) {
      return other.kind == constraint.kind && other.a == constraint.a && other.b == constraint.b;
    });
    if (answer == Answer::kOpen && !is_known) open.push_back(std::move(constraint));
  }
  graph.constraints = std::move(open);
  return {};
}

}  // namespace tegula::compiler
