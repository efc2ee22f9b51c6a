// floor_div, ceil_div and mod in normal form. Division by an expression assumes that it is not zero wherever that lets
// something cancel: floor_div(batch*seq*64, batch*seq) is 64, also for an empty batch.
#include <algorithm>
#include <numeric>

#include "compiler/graph/dim_term.h"

namespace tegula::compiler {
namespace {

/// a / b when every factor of b is in a.
std::optional<Monomial> divide(const Monomial& a, const Monomial& b) {
  Monomial quotient = a;
  for (const Factor& factor : b) {
    const auto found = std::find_if(quotient.begin(), quotient.end(),
                                    [&](const Factor& other) { return other.atom->text == factor.atom->text; });
    if (found == quotient.end() || found->power < factor.power) return std::nullopt;
    if ((found->power -= factor.power) == 0) quotient.erase(found);
  }
  return quotient;
}

/// q with a == b * q, by long division of polynomials; nullopt when a remainder stays.
std::optional<Dim> divide_exactly(const Dim& a, const Dim& b) {
  const std::vector<Summand>& divisor = DimAccess::summands(b);
  if (divisor.empty()) return std::nullopt;
  Dim rest = a, quotient = 0;
  // Each round removes the leading summand and brings in only smaller ones. The limit is far above real shapes.
  for (int round = 0; round < 64; ++round) {
    if (rest.is(0)) return quotient;
    const std::vector<Summand>& summands = DimAccess::summands(rest);
    if (summands.empty()) return std::nullopt;
    const auto monomial = divide(summands[0].monomial, divisor[0].monomial);
    if (!monomial || summands[0].coefficient % divisor[0].coefficient != 0) return std::nullopt;
    const int64_t coefficient = summands[0].coefficient / divisor[0].coefficient;
    const Dim step = monomial->empty() ? Dim(coefficient) : DimAccess::make({{*monomial, coefficient}}, 0);
    quotient = quotient + step;
    rest = rest - step * b;
  }
  return std::nullopt;
}

/// The factors that all summands of `dim` share. Empty when it has a constant part.
Monomial common_factors(const Dim& dim) {
  const std::vector<Summand>& summands = DimAccess::summands(dim);
  if (summands.empty() || DimAccess::constant(dim) != 0) return {};
  Monomial common = summands[0].monomial;
  for (const Summand& summand : summands) {
    for (Factor& factor : common) {
      const auto found = std::find_if(summand.monomial.begin(), summand.monomial.end(),
                                      [&](const Factor& other) { return other.atom->text == factor.atom->text; });
      factor.power = found == summand.monomial.end() ? 0 : std::min(factor.power, found->power);
    }
    std::erase_if(common, [](const Factor& factor) { return factor.power == 0; });
  }
  return common;
}

/// Largest number that divides all coefficients and the constant; 0 for 0.
int64_t common_coefficient(const Dim& dim) {
  int64_t common = DimAccess::constant(dim);
  for (const Summand& summand : DimAccess::summands(dim)) common = std::gcd(common, summand.coefficient);
  return common;
}

Dim divide_by(const Dim& dim, const Monomial& monomial, int64_t coefficient) {
  std::vector<Summand> summands;
  int64_t constant = DimAccess::constant(dim) / coefficient;
  for (const Summand& summand : DimAccess::summands(dim)) {
    Monomial quotient = *divide(summand.monomial, monomial);
    if (quotient.empty())
      constant += summand.coefficient / coefficient;
    else
      summands.push_back({std::move(quotient), summand.coefficient / coefficient});
  }
  return DimAccess::make(std::move(summands), constant);
}

/// Removes factors that numerator and denominator share: floor(a*s / (b*s)) == floor(a / b).
void cancel(Dim& a, Dim& b) {
  const Monomial in_a = common_factors(a), in_b = common_factors(b);
  Monomial common;
  for (const Factor& factor : in_a)
    for (const Factor& other : in_b)
      if (factor.atom->text == other.atom->text) common.push_back({factor.atom, std::min(factor.power, other.power)});
  int64_t coefficient = std::gcd(common_coefficient(a), common_coefficient(b));
  if (coefficient <= 0) coefficient = 1;
  if (common.empty() && coefficient == 1) return;
  a = divide_by(a, common, coefficient);
  b = divide_by(b, common, coefficient);
}

/// floor(a / b) for a constant b > 1 and an `a` that is no constant.
Dim floor_div_by_constant(const Dim& a, int64_t b) {
  // b*q + r: whole multiples leave the division, so what stays inside has coefficients in [0, b).
  std::vector<Summand> whole, rest;
  int64_t common = b;
  for (const Summand& summand : DimAccess::summands(a)) {
    const int64_t q = floor_div_constants(summand.coefficient, b);
    const int64_t r = summand.coefficient - q * b;
    if (q != 0) whole.push_back({summand.monomial, q});
    if (r != 0) rest.push_back({summand.monomial, r});
    common = std::gcd(common, r);
  }
  const int64_t q = floor_div_constants(DimAccess::constant(a), b);
  const int64_t r = DimAccess::constant(a) - q * b;
  const Dim outside = DimAccess::make(std::move(whole), q);
  if (rest.empty()) return outside;  // 0 <= r < b
  // floor((g*x + r) / (g*b)) == floor((x + floor(r / g)) / b)
  for (Summand& summand : rest) summand.coefficient /= common;
  Dim inside = DimAccess::make(std::move(rest), r / common);
  int64_t divisor = b / common;
  if (divisor == 1) return outside + inside;
  // floor((floor(x / m) + c) / b) == floor((x + c*m) / (m*b))
  const Atom* atom = DimAccess::single_atom(inside - DimAccess::constant(inside));
  int64_t joined = 0;
  if (atom && atom->op == ExprOp::kFloorDiv && atom->operands[1].is_constant() &&
      !__builtin_mul_overflow(divisor, atom->operands[1].value(), &joined))
    return outside + floor_div(atom->operands[0] + Dim(DimAccess::constant(inside)) * atom->operands[1], joined);
  if (const DimBounds bounds = bounds_of(inside); bounds.low >= 0 && bounds.high < divisor) return outside;
  return outside + make_atom(ExprOp::kFloorDiv, {inside, divisor});
}

}  // namespace

Dim floor_div(const Dim& a, const Dim& b) {
  if (b.is(0) || a.is(0)) return 0;
  if (b.is(1)) return a;
  if (a.is_constant() && b.is_constant()) return floor_div_constants(a.value(), b.value());
  if (b.is_constant()) {
    if (b.value() == INT64_MIN) return make_atom(ExprOp::kFloorDiv, {a, b});
    return b.value() < 0 ? floor_div(0 - a, -b.value()) : floor_div_by_constant(a, b.value());
  }
  if (const auto quotient = divide_exactly(a, b)) return *quotient;
  Dim numerator = a, denominator = b;
  cancel(numerator, denominator);
  if (denominator.is_constant()) return floor_div(numerator, denominator);
  return make_atom(ExprOp::kFloorDiv, {numerator, denominator});
}

Dim ceil_div(const Dim& a, const Dim& b) {
  if (b.is(0) || a.is(0)) return 0;
  if (b.is_constant() && b.value() != INT64_MIN)
    return b.value() < 0 ? ceil_div(0 - a, -b.value()) : floor_div(a + (b.value() - 1), b);
  if (const auto quotient = divide_exactly(a, b)) return *quotient;
  Dim numerator = a, denominator = b;
  cancel(numerator, denominator);
  if (denominator.is_constant()) return ceil_div(numerator, denominator);
  return make_atom(ExprOp::kCeilDiv, {numerator, denominator});
}

Dim mod(const Dim& a, const Dim& b) {
  if (b.is(0) || a.is(0)) return 0;
  if (b.is_constant()) return a - b * floor_div(a, b);
  if (divide_exactly(a, b)) return 0;
  return make_atom(ExprOp::kMod, {a, b});
}

}  // namespace tegula::compiler
