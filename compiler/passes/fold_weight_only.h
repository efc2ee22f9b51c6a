#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  w = dequantize_by(q_w:s8, s_w, 0);  y = matmul(x, w, b) {alpha, weight_only=1, post_ops=[...]}
/// After:   y = weight_only_matmul(x, q_w, s_w, b) {post_ops=[...]}
/// Products whose attribute weight_only asks for it keep their weights in s8 while the source stays real, f32 or bf16. A
/// quantizer sets the attribute and puts dequantize or dequantize_by behind the constant weights; nothing else does, so
/// weights that a model has quantized beside real sources become fp32. The products are matmul, and conv of a kernel of
/// one position, channels last, without stride, padding and groups. The weights are a constant of s8 with zero points of
/// 0 and scales per output channel or for all. alpha goes into the scales. What is left alone loses the attribute, and
/// says why in Node::rule.
Result<bool> fold_weight_only(Graph& graph);

}  // namespace tegula::compiler
