#include <algorithm>

#include "compiler/graph/dim_term.h"

namespace tegula::compiler {
namespace {

// More sizes than this never meet in a real model; beyond it the form is the plain one, whose growth Graph refuses.
constexpr std::size_t kMostSizes = 8;

/// The sizes that `dim` is broadcast from: itself, unless it has the form that broadcast_of() gives.
void collect_sizes(const Dim& dim, std::vector<Dim>& sizes) {
  const Atom* atom = DimAccess::single_atom(dim);
  if (atom != nullptr && atom->op == ExprOp::kSelect && atom->operands[0] == equal(atom->operands[2], 1)) {
    collect_sizes(atom->operands[1], sizes);
    collect_sizes(atom->operands[2], sizes);
    return;
  }
  if (std::find(sizes.begin(), sizes.end(), dim) == sizes.end()) sizes.push_back(dim);
}

}  // namespace

Dim broadcast_of(const Dim& a, const Dim& b) {
  std::vector<Dim> sizes;
  collect_sizes(a, sizes);
  collect_sizes(b, sizes);
  if (sizes.size() > kMostSizes) return select(equal(a, 1), b, a);
  std::sort(sizes.begin(), sizes.end(), [](const Dim& x, const Dim& y) { return x.to_string() < y.to_string(); });
  Dim all = sizes[0];
  for (std::size_t i = 1; i < sizes.size(); ++i) all = select(equal(sizes[i], 1), all, sizes[i]);
  return all;
}

}  // namespace tegula::compiler
