#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  e = erf(x / sqrt 2);  y = x * 0.5 * (e + 1)      (products in any order and nesting)
/// After:   y = gelu_erf(x)
/// and so for sigmoid, silu, hard_sigmoid, hard_swish, softplus, mish, softsign, leaky_relu and gelu_tanh written in
/// simpler functions. Leaves them alone when anything else reads a value in between.
Result<bool> recognise_activations(Graph& graph);

}  // namespace tegula::compiler
