#include <algorithm>

#include "compiler/graph/dim.h"
#include "compiler/graph/dim_term.h"

namespace tegula::compiler {

uint32_t ExpressionTable::symbol(std::string_view name) {
  const auto index = static_cast<uint32_t>(std::find(symbols_.begin(), symbols_.end(), name) - symbols_.begin());
  if (index == symbols_.size()) symbols_.emplace_back(name);
  return index;
}

uint32_t ExpressionTable::add_node(const ExprNode& node) {
  const auto [row, is_new] = rows_.try_emplace({node.op, node.value, node.a, node.b, node.c, node.scale},
                                               static_cast<uint32_t>(nodes_.size()));
  if (is_new) nodes_.push_back(node);
  return row->second;
}

uint32_t ExpressionTable::combine(ExprOp op, uint32_t a, uint32_t b, uint32_t c) {
  return add_node({.op = op, .a = a, .b = b, .c = c});
}

uint32_t ExpressionTable::add_atom(const Atom& atom) {
  if (atom.op == ExprOp::kSymbol) return add_node({.op = ExprOp::kSymbol, .value = symbol(atom.name)});
  std::vector<uint32_t> x;
  for (const Dim& operand : atom.operands) x.push_back(add(operand));
  switch (atom.op) {
    case ExprOp::kScaleFloor: return add_node({.op = atom.op, .a = x[0], .scale = atom.scale});
    case ExprOp::kSelect:
    case ExprOp::kRealRangeCount: return combine(atom.op, x[0], x[1], x[2]);
    default: break;
  }
  uint32_t row = x[0];  // min and max may have many operands, the others have two
  for (std::size_t i = 1; i < x.size(); ++i) row = combine(atom.op, row, x[i]);
  return row;
}

uint32_t ExpressionTable::add(const Dim& dim) {
  // Summands with a positive coefficient first, so that differences do not start from a negative number.
  std::vector<const Summand*> order;
  for (const bool negative : {false, true})
    for (const Summand& summand : DimAccess::summands(dim))
      if ((summand.coefficient < 0) == negative) order.push_back(&summand);

  std::optional<uint32_t> sum;
  const int64_t constant = DimAccess::constant(dim);
  if (constant != 0 || order.empty() || order[0]->coefficient < 0)
    sum = add_node({.op = ExprOp::kConstant, .value = constant});
  for (const Summand* summand : order) {
    std::optional<uint32_t> product;
    for (const Factor& factor : summand->monomial) {
      const uint32_t atom = add_atom(*factor.atom);
      for (int i = 0; i < factor.power; ++i) product = product ? combine(ExprOp::kMul, *product, atom) : atom;
    }
    const int64_t magnitude = summand->coefficient < 0 ? saturating_sub(0, summand->coefficient) : summand->coefficient;
    if (magnitude != 1)
      product = combine(ExprOp::kMul, *product, add_node({.op = ExprOp::kConstant, .value = magnitude}));
    sum = sum ? combine(summand->coefficient < 0 ? ExprOp::kSub : ExprOp::kAdd, *sum, *product) : *product;
  }
  return *sum;
}

}  // namespace tegula::compiler
