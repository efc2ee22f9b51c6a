#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  q, s, z = dynamic_quantize(x);  c = quantized_matmul(q, w, z) {to=s32}
///          y = mul(cast(c) {to=f32}, mul(s, s_w))
/// After:   d = dequantize_by(q, s, z);  y = matmul(d, dequantize_by(w, s_w, z_w))
/// What ONNX Runtime's quantize_dynamic writes with MatMulInteger and ConvInteger becomes the form of models with Q/DQ
/// nodes, so that bias, activation and all else is fused with it, and fold_quantization makes one integer product of it
/// again. The scale of the source is a single number, computed or not; that of the weights a constant by output channel
/// or for all. Left alone when anything else reads the integers.
Result<bool> recognise_integer_products(Graph& graph);

}  // namespace tegula::compiler
