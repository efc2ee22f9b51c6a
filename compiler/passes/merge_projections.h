#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  q = matmul(x, wq, bq);  k = matmul(x, wk, bk);  v = matmul(x, wv, bv);  o = attention(q, k, v)
/// After:   p = matmul(x, [wq wk wv], [bq bk bv]);  o = attention(p[..., 0:n], p[..., n:2n], p[..., 2n:3n])
/// where the slices are views. Merges products of one operand with constant weights of two dimensions and the same
/// alpha, without post-ops, whose results only feed operations that read strided rows. Leaves others alone.
Result<bool> merge_projections(Graph& graph);

}  // namespace tegula::compiler
