#pragma once
#include "compiler/graph/graph.h"
#include "compiler/quantize/profile.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  c = conv(x, w, b) {post_ops=[add(r), relu]}
/// After:   xq = quantize(x) {alpha=s_x, beta=z_x, to=u8};  xd = dequantize(xq) {alpha=s_x, beta=z_x}
///          wd = dequantize_by(q_w:s8, s_w, 0)
///          c = conv(xd, wd, b') {post_ops=[add(r), relu]};  cq = quantize(c) ...
/// Puts quantize and dequantize around products (Conv, Gemm, MatMul) with constant weights, in the form that models
/// which are quantized already have; the passes behind fold both. Where it stands: the pipeline's row `quantize`.
///
/// Attention gets products of integers (integer_attention.h); of large constant tables whose rows are gathered, rows
/// become s8 (embedding_tables.h).
///
/// A value is quantized when a quantized product reads it, once for all of its readers; then also what has to share its
/// scale (ScaleGroups), and what an average, or a sum or product of two tensors, makes it of. Residual operands that
/// are not quantized for another reason stay real. The choice for each product is that of `options`, with its reason in
/// Node::rule; products that cannot be integer ones stay fp32 and say why. What the model has quantized itself is left
/// as it is.
///
/// With `options.smooth` channels are balanced first (balance_channels.h). `profile` may be nullptr when no product is
/// chosen to be quantized statically and nothing is balanced. kInvalidArgument: a rule that selects nothing, or no
/// profile where one is needed.
Result<bool> quantize(Graph& graph, const Profile* profile, const QuantizationOptions& options);

}  // namespace tegula::compiler
