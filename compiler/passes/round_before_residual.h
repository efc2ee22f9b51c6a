#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  c = conv(x, w);  q = quantize(c) {alpha=s, beta=z, to=u8};  d = dequantize(q) {alpha=s, beta=z};  y =
/// add(d, r) After:   c = conv(x, w);  a = affine(c) {alpha=1/s};  b = round(a);  e = clip(b) {alpha=0-z, beta=255-z};
///          d = affine(e) {alpha=s};  y = add(d, r)
/// Where the branch of a residual add is quantized for the add alone, the rounding is spelled out in fp32, so that a
/// product of quantized operands takes it, the add and what follows as post-ops: the numbers are those of the model,
/// and the branch never goes through memory. Of two such branches the later product takes the add.
Result<bool> round_before_residual(Graph& graph);

}  // namespace tegula::compiler
