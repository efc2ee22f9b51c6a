#include "compiler/ops/broadcast.h"

#include <algorithm>

namespace tegula::compiler {

Result<Dim> broadcast(InferContext& context, const Dim& a, const Dim& b, std::string_view what) {
  if (a == b || b.is(1)) return a;
  if (a.is(1)) return b;
  if (a.is_constant() && b.is_constant())
    return context.error(concat(what, ": sizes ", a.value(), " and ", b.value(), " cannot be broadcast"));
  context.graph.constraints.push_back(
      {GraphConstraint::Kind::kBroadcast, a, b,
       context.error(concat(what, ": sizes ", a.to_string(), " and ", b.to_string(), " cannot be broadcast")).message});
  // A size that is not 1 is the result, whatever the other one is.
  if (a.is_constant() || a.is_at_least(2)) return a;
  if (b.is_constant() || b.is_at_least(2)) return b;
  return broadcast_of(a, b);
}

Result<Shape> broadcast(InferContext& context, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape result(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    const bool in_a = d + a.size() >= rank, in_b = d + b.size() >= rank;
    if (!in_a || !in_b) {
      result[d] = in_a ? a[d + a.size() - rank] : b[d + b.size() - rank];
      continue;
    }
    TEGULA_ASSIGN_OR_RETURN(result[d],
                            broadcast(context, a[d + a.size() - rank], b[d + b.size() - rank],
                                      concat("shapes ", to_string(a), " and ", to_string(b), ", dimension ", d)));
  }
  return result;
}

}  // namespace tegula::compiler
