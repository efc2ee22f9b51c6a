#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  x = dequantize(q) {alpha=s_x, beta=z_x};  w = dequantize_by(q_w, s_w, z_w);  b = dequantize_by(q_b, s_b, 0)
///          c = conv(x, w, b) {post_ops=[...]};  y = quantize(c) {alpha=s_y, beta=z_y, to=u8}
/// After:   y = quantized_conv(q, q_w, bias, multipliers) {dst_zero_point=z_y, post_ops=[...]}
/// or, of matmul,  y = quantize_by(c, s_y, z_y) with a scale for each channel, which become multipliers.
/// Products whose operands are quantized become integer products: of activations by constant weights, with the result
/// quantized in the same step when quantize alone reads it, else real. Post-ops stay in fp32; operands of theirs that
/// are dequantized are read as they lie. A bias (operand or constant post-op add) goes into the s32 sums, where
/// rounding it to the scale s_x * s_w is less than the rounding of one product; a bias that does not fit becomes a
/// post-op. A last relu or clip that leaves what saturation leaves goes. Scale and zero point of the source may be
/// computed. Left alone, with the reason in Node::rule: products that are not quantized on both sides or whose right
/// operand is computed, transposed left operands, and sums that could leave s32.
Result<bool> fold_quantization(Graph& graph);

}  // namespace tegula::compiler
