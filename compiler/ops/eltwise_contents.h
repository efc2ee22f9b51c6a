#pragma once
#include <optional>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// The elements of `value` as far as they are known without data: its contents, or a small float constant of whole
/// numbers (shape computations pass through floats).
std::optional<std::vector<Dim>> known_elements(const Value& value);

/// Elements of the result of an eltwise node of shape `shape`, when those of its inputs are known and each function has
/// an exact counterpart on sizes. Exporters compute shapes with Mul, Div, Cast, Where and the like; this is what
/// makes such subgraphs disappear.
std::optional<std::vector<Dim>> eltwise_contents(const Node& node, const std::vector<DType>& types, const Shape& shape);

}  // namespace tegula::compiler
