#pragma once
#include <array>

#include "compiler/graph/graph.h"
#include "compiler/passes/quantization.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  q, k, v = slices of m;  o = attention(q, k, v, mask) {heads, scale}
/// After:   mq = quantize_by(m, [s_q..., s_k..., s_v...], 128);  qq, qk, qv = slices of mq
///          o = attention(qq, qk, qv, mask) {heads, scale, src_scale=s_q, ..., probability_scale=1/255, to=f32}
/// Makes the products of an attention products of integers, with probabilities in steps of 1/255. Operands that are
/// dequantized u8 are read as they lie; the others are quantized by `quantizations` (of q, k and v), those that are
/// slices of one value which nothing else reads all at once, so that the product which makes that value can write it.
Status make_integer_attention(Graph& graph, Node& attention, const std::array<Quantization, 3>& quantizations);

}  // namespace tegula::compiler
