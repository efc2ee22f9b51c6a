#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  m = mul(x, c);  a = add(m, d);  y = relu(a)
/// After:   y = eltwise(x, c, d) {program: i3 = mul(i0, i1), i4 = add(i3, i2), relu(i4)}
/// Joins elementwise nodes, fp32 throughout, into one pass over memory, to the same bits. Leaves alone a value that
/// anything else reads, one with another shape than the result (it would be computed again and again), and chains whose
/// operands or instructions would be too many for the registers of one loop.
Result<bool> fuse_elementwise_chains(Graph& graph);

}  // namespace tegula::compiler
