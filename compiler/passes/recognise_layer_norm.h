#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  d = x - mean(x);  n = d / sqrt(mean(d * d) + epsilon);  y = n * scale + bias
/// After:   y = layer_norm(x, scale, bias) {axis, epsilon}
/// where the means run over the last dimensions (keepdims), d may be computed twice, the division may be a product with
/// a reciprocal or a power of -1/2, and scale and bias, constants over those dimensions, may be missing. The form x * m
/// + (bias - mean * m) with m = scale / sqrt(...) counts too.
///
/// Before:  n = x / sqrt(mean(x * x) + epsilon);  y = n * scale
/// After:   y = layer_norm(x, scale) {axis, epsilon, rms=1}
///
/// Leaves it alone when anything else reads a value in between, or when scale or bias vary along other dimensions.
Result<bool> recognise_layer_norm(Graph& graph);

}  // namespace tegula::compiler
