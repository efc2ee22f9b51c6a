#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  c = conv(x, w, b);  m = mul(c, scale);  y = add(m, shift)       (a BatchNormalization)
/// After:   y = conv(x, w * scale, b * scale + shift)
/// and so for conv_transpose and matmul, where scale and shift are constants with one value per output channel or one
/// for all. A single shift is a bias. A scale needs constant weights; one number goes into alpha of a matmul instead.
/// Leaves the node alone when anything else reads it, when it has post-ops, and when scale or shift vary along other
/// dimensions or add dimensions.
Result<bool> fold_affine_after_gemm(Graph& graph);

}  // namespace tegula::compiler
