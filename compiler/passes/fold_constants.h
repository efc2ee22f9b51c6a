#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  c = transpose(w);  y = matmul(x, c)      (w constant)
/// After:   y = matmul(x, w')
/// Evaluates nodes whose operands are all constants, through their plain loops. Leaves nodes that would blow a small
/// constant up (more than twice its operands and 16 MiB), unless the result is the weights of a product or a
/// convolution. Also leaves the quantized weights and biases of products whose other operand is quantized: they may
/// become integer products.
Result<bool> fold_constants(Graph& graph);
/// The same without leaving the quantized ones.
Result<bool> fold_all_constants(Graph& graph);

}  // namespace tegula::compiler
