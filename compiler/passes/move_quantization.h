#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  d = dequantize(q);  t = transpose(d);  r = quantize(t)
/// After:   t = transpose(q)
/// Operations that only choose and place elements (reshape, transpose, slice, gather, constant padding, concat, maximum
/// pooling) work on quantized values: dequantize moves down through them, quantize up when nothing else reads their
/// result. Dequantize and quantize with the same scale and zero point cancel. What quantize does anyway (relu or clip
/// at the ends of its range) goes. All of it gives the same numbers. Left alone: concat of values of different scales
/// whose result is real, padding with a number that the type does not hold.
Result<bool> move_quantization(Graph& graph);

}  // namespace tegula::compiler
