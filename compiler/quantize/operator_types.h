#pragma once
#include <set>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// The names of the ONNX operators that a node may stand for, the usual one first: {"Conv"}, {"MatMul", "Gemm"},
/// {"Relu"}; of a chain, those of all its functions. What rules and statistics call an operation, whatever operator the
/// model wrote it with.
std::vector<std::string> operator_types(const Node& node);

/// The same of an elementwise function: {"LeakyRelu"}.
std::vector<std::string> operator_types(Function function);

/// The names that operations of ours have: what tells a mistyped type from one that a model has not.
const std::set<std::string>& all_operator_types();

}  // namespace tegula::compiler
