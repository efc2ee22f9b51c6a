// What is known about the value of an expression for any non-negative values of its symbols.
#include <algorithm>

#include "compiler/graph/dim_term.h"

namespace tegula::compiler {
namespace {

constexpr int64_t kLowest = INT64_MIN, kHighest = INT64_MAX;

// The extremes stand for "not bounded", and arithmetic on them saturates; only opposite infinities need care.
DimBounds add(const DimBounds& a, const DimBounds& b) {
  return {a.low == kLowest || b.low == kLowest ? kLowest : saturating_add(a.low, b.low),
          a.high == kHighest || b.high == kHighest ? kHighest : saturating_add(a.high, b.high)};
}

int64_t multiply_bounds(int64_t a, int64_t b) {
  return a == 0 || b == 0 ? 0 : saturating_mul(a, b);
}

DimBounds multiply(const DimBounds& a, const DimBounds& b) {
  const auto corners = {multiply_bounds(a.low, b.low), multiply_bounds(a.low, b.high), multiply_bounds(a.high, b.low),
                        multiply_bounds(a.high, b.high)};
  return {std::min(corners), std::max(corners)};
}

int64_t divide_bound(int64_t a, int64_t b) {
  return a == kLowest || a == kHighest ? a : floor_div_constants(a, b);
}

/// Summands of `dim` without the one at `index`.
Dim without(const Dim& dim, std::size_t index) {
  std::vector<Summand> rest = DimAccess::summands(dim);
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(index));
  return DimAccess::make(std::move(rest), DimAccess::constant(dim));
}

bool is_at_least(const Dim& dim, int64_t bound, int depth);

/// Tries to get rid of the function in summand `index` (coefficient * one atom) by what is known of it: floor(p/b) lies
/// in ((p-b)/b, p/b], min(x, y) <= x, and so on.
bool is_at_least_without(const Dim& dim, std::size_t index, int64_t bound, int depth) {
  const Summand& summand = DimAccess::summands(dim)[index];
  if (summand.monomial.size() != 1 || summand.monomial[0].power != 1) return false;
  const Atom& atom = *summand.monomial[0].atom;
  const int64_t c = summand.coefficient;
  const auto replaced_by = [&](const Dim& x) {
    return is_at_least(without(dim, index) + Dim(c) * x, bound, depth - 1);
  };
  switch (atom.op) {
    case ExprOp::kFloorDiv: {
      const Dim &p = atom.operands[0], &b = atom.operands[1];
      if (!b.is_constant() || b.value() <= 0 || b.value() > (1 << 20)) return false;
      // Everything times b: b*rest + c*p (c < 0), or b*rest + c*(p - b + 1).
      const Dim scaled = b * without(dim, index) + Dim(c) * (c < 0 ? p : p - b + 1);
      return is_at_least(scaled, saturating_mul(b.value(), bound), depth - 1);
    }
    case ExprOp::kMin:
    case ExprOp::kMax:
      if ((c > 0) == (atom.op == ExprOp::kMax))
        return std::any_of(atom.operands.begin(), atom.operands.end(), replaced_by);
      return std::all_of(atom.operands.begin(), atom.operands.end(), replaced_by);
    case ExprOp::kSelect: return replaced_by(atom.operands[1]) && replaced_by(atom.operands[2]);
    default: return false;
  }
}

bool is_at_least(const Dim& dim, int64_t bound, int depth) {
  if (bounds_of(dim).low >= bound) return true;
  const std::size_t summands = DimAccess::summands(dim).size();
  if (depth == 0 || summands > 8) return false;
  for (std::size_t i = 0; i < summands; ++i)
    if (is_at_least_without(dim, i, bound, depth)) return true;
  return false;
}

}  // namespace

DimBounds bounds_of(const Dim& dim) {
  DimBounds sum{DimAccess::constant(dim), DimAccess::constant(dim)};
  for (const Summand& summand : DimAccess::summands(dim)) {
    DimBounds product{summand.coefficient, summand.coefficient};
    for (const Factor& factor : summand.monomial) {
      DimBounds power{1, 1};
      for (int i = 0; i < factor.power; ++i) power = multiply(power, factor.atom->bounds);
      product = multiply(product, power);
    }
    sum = add(sum, product);
  }
  return sum;
}

DimBounds atom_bounds(const Atom& atom) {
  std::vector<DimBounds> x;
  for (const Dim& operand : atom.operands) x.push_back(bounds_of(operand));
  switch (atom.op) {
    case ExprOp::kSymbol: return {atom.name.ends_with(']') ? kLowest : 0, kHighest};
    case ExprOp::kMul: return multiply(x[0], x[1]);
    case ExprOp::kFloorDiv:
    case ExprOp::kCeilDiv: {
      const int64_t b = x[1].low;
      if (b < 0 || (b == 0 && x[0].low < 0)) return {};
      if (b == 0 || x[1].high != b) return x[0].low >= 0 ? DimBounds{0, x[0].high} : DimBounds{};
      const int64_t round_up = atom.op == ExprOp::kCeilDiv ? b - 1 : 0;
      return {divide_bound(saturating_add(x[0].low, round_up), b),
              divide_bound(saturating_add(x[0].high, round_up), b)};
    }
    case ExprOp::kMod:
      return x[1].low >= 0 ? DimBounds{0, std::max<int64_t>(0, saturating_sub(x[1].high, 1))} : DimBounds{};
    case ExprOp::kMin:
    case ExprOp::kMax: {
      DimBounds all = x[0];
      for (const DimBounds& other : x)
        all = atom.op == ExprOp::kMin ? DimBounds{std::min(all.low, other.low), std::min(all.high, other.high)}
                                      : DimBounds{std::max(all.low, other.low), std::max(all.high, other.high)};
      return all;
    }
    case ExprOp::kSelect: return {std::min(x[1].low, x[2].low), std::max(x[1].high, x[2].high)};
    case ExprOp::kEqual:
    case ExprOp::kLess: return {0, 1};
    case ExprOp::kRealRangeCount: return {0, kHighest};
    case ExprOp::kScaleFloor: return atom.scale >= 0 && x[0].low >= 0 ? DimBounds{0, kHighest} : DimBounds{};
    default: return {};
  }
}

bool Dim::is_at_least(int64_t bound) const {
  if (is_constant()) return value_ >= bound;
  return compiler::is_at_least(*this, bound, 3);
}

}  // namespace tegula::compiler
