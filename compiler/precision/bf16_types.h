#pragma once
#include <cstdint>

#include "compiler/precision/choose_bf16.h"

namespace tegula::compiler {

/// Fills Bf16Plan::types and conversions for the nodes as they are decided.
void choose_bf16_types(const Graph& graph, Bf16Plan& plan);

/// Elements of a shape, with 64 for each symbol: to compare costs with.
double typical_elements(const Shape& shape);

}  // namespace tegula::compiler
