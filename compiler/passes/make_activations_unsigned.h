#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  q = quantize(x) {alpha=0.1, beta=-3, to=s8};   y = dequantize(q) {alpha=0.1, beta=-3}
/// After:   q = quantize(x) {alpha=0.1, beta=125, to=u8};  y = dequantize(q) {alpha=0.1, beta=125}
/// Integer products read u8. The real numbers are the same, so this is for quantized values that only dequantize reads;
/// inputs and outputs of the graph and values that something else reads stay s8.
Result<bool> make_activations_unsigned(Graph& graph);

}  // namespace tegula::compiler
