#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  q = quantize(x) {alpha=s, beta=z, to=u8};  p = pool(q) {kind="max"};  d = dequantize(p) {alpha=s, beta=z}
///          w = dequantize_by(q_w, s_w, 0)
/// After:   c = clip(x) {alpha=-z*s, beta=(255-z)*s};  d = pool(c) {kind="max"}
///          w: f32 constant
/// Takes a model's own quantization out, so that it can be quantized anew: what quantize cuts off stays cut off, since
/// models leave activations to it, and nothing is rounded. Weights become the real numbers that they stand for. Left
/// alone: integers that are computed in another way.
Result<bool> drop_quantization(Graph& graph);

}  // namespace tegula::compiler
