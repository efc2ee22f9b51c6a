#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  d = dequantize(q) {alpha=s, beta=z};  m = reduce(d) {kind="mean"};  y = quantize(m) {alpha=t, to=u8}
/// After:   y = reduce(q) {kind="mean", src_scale=s, src_zero_point=z, dst_scale_inverse=1/t, to=u8}
/// Means over neighbouring dimensions before the last and channels-last average pooling read quantized values and,
/// where quantize alone reads theirs, write them. Sums of integers are exact, so results may differ by the rounding of
/// fp32.
Result<bool> quantize_averages(Graph& graph);

}  // namespace tegula::compiler
