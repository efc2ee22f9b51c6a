#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  n = layer_norm(x, g, b) {axis=-1};  y = quantize(n) {alpha=s_y, beta=z_y, to=u8}
/// After:   y = layer_norm(x, g, b) {axis=-1, dst_scale_inverse=1/s_y, dst_zero_point=z_y, to=u8}
/// Layer norm, softmax and attention, which compute in fp32, quantize their results as they store them. The arithmetic is
/// that of products: a multiplication by 1 / s_y where quantize divides. Left alone: results that something else reads
/// too, and nodes with several results.
Result<bool> quantize_results(Graph& graph);

}  // namespace tegula::compiler
