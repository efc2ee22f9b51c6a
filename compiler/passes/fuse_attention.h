#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  qh = transpose(reshape(q, [b,s,h,d])) {perm=[0,2,1,3]};  kh, vh alike, kh with its last two dimensions
/// swapped
///          p = softmax(matmul(qh, kh), mask) {scale};  o = reshape(transpose(matmul(p, vh)), [b,s,h*d])
/// After:   o = attention(q, k, v, mask) {heads=h, kv_heads=h, scale}
///
/// A model that quantizes q, k, v and p gets its products as products of integers:
///
/// Before:  the same of dequantize(q), dequantize(k), dequantize(v) and dequantize(quantize(p)), all of u8
/// After:   o = attention(q, k, v, mask) {heads=h, kv_heads=h, scale, src_scale=s_q, ..., probability_scale=s_p,
/// to=f32}
///
/// The transposes of heads that do not cancel stay. Scales of q and k by numbers join the softmax's. Operands of rank 3
/// are [batch, seq, dim] with one head, or, where they come from [seq, batch*heads, dim], one batch with that many
/// heads. Leaves alone scores that anything else reads, softmax along another axis or of logarithms, products with a
/// bias or post-ops, heads and widths that depend on symbols or differ between q, k and v, and batches that are
/// broadcast. Runs after fuse_softmax_mask.
Result<bool> fuse_attention(Graph& graph);

}  // namespace tegula::compiler
