#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  m = mul(x, scale);  a = add(m, shift);  y = matmul(a, w, b)
/// After:   y = matmul(x, scale * w, shift * w + b)
/// and so for conv and conv_transpose, where scale and shift are constants with one value per input channel or one for
/// all, and for every reader of the sum at once. Leaves them alone when a reader is no such node or has weights that
/// are not constant, and a shift when a convolution pads, since the padding is not shifted.
Result<bool> fold_affine_before_gemm(Graph& graph);

}  // namespace tegula::compiler
