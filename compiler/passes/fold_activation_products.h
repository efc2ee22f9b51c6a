#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  a = dequantize(q_a) {alpha=s_a, beta=z_a};  b = dequantize(q_b) {alpha=s_b, beta=z_b}
///          c = matmul(a, b) {post_ops=[...]};  y = quantize(c) {alpha=s_y, beta=z_y, to=u8}
/// After:   y = quantized_matmul(q_a, q_b, -, s_a * s_b) {src_zero_point=z_a, right_zero_point=z_b, dst_zero_point=z_y,
///              post_ops=[...]}
/// Products of two activations, or with a constant that is no matrix, become integer products; the result is quantized
/// in the same step when quantize alone reads it, else real. Post-ops stay in fp32; operands of theirs that are
/// dequantized are read as they lie. Left alone, with the reason in Node::rule: sums that could leave s32. Where a
/// depth depends on symbols, binding checks that they cannot. Runs before fold_quantization, which has the products by
/// constant matrices.
Result<bool> fold_activation_products(Graph& graph);

}  // namespace tegula::compiler
