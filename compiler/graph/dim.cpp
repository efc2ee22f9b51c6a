#include "compiler/graph/dim.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "compiler/graph/dim_term.h"

namespace tegula::compiler {
namespace {

/// Products with more summands than this stay an atom, so that no model can make one expression take all memory.
constexpr std::size_t kMaxSummands = 1024;

int degree(const Monomial& monomial) {
  int sum = 0;
  for (const Factor& factor : monomial) sum += factor.power;
  return sum;
}

/// One operation on constants, with the arithmetic of the program's expressions.
int64_t apply(ExprOp op, int64_t a, int64_t b = 0, double scale = 0, int64_t c = 0) {
  const ExprNode nodes[] = {{.op = ExprOp::kConstant, .value = a},
                            {.op = ExprOp::kConstant, .value = b},
                            {.op = ExprOp::kConstant, .value = c},
                            {.op = op, .a = 0, .b = 1, .c = 2, .scale = scale}};
  int64_t values[4];
  evaluate(nodes, {}, values);
  return values[3];
}

}  // namespace

int64_t saturating_add(int64_t a, int64_t b) {
  return apply(ExprOp::kAdd, a, b);
}
int64_t saturating_sub(int64_t a, int64_t b) {
  return apply(ExprOp::kSub, a, b);
}
int64_t saturating_mul(int64_t a, int64_t b) {
  return apply(ExprOp::kMul, a, b);
}
int64_t floor_div_constants(int64_t a, int64_t b) {
  return apply(ExprOp::kFloorDiv, a, b);
}

int compare(const Monomial& a, const Monomial& b) {
  if (const int difference = degree(b) - degree(a); difference != 0) return difference;  // higher degrees first
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (const int order = a[i].atom == b[i].atom ? 0 : a[i].atom->text.compare(b[i].atom->text); order != 0)
      return order;
    if (a[i].power != b[i].power) return b[i].power - a[i].power;
  }
  return static_cast<int>(a.size()) - static_cast<int>(b.size());
}

Monomial operator*(const Monomial& a, const Monomial& b) {
  Monomial product;
  auto i = a.begin(), j = b.begin();
  while (i != a.end() || j != b.end()) {
    const int order = i == a.end() ? 1 : j == b.end() ? -1 : i->atom->text.compare(j->atom->text);
    if (order == 0) {
      product.push_back({i->atom, i->power + j->power});
      ++i, ++j;
    } else {
      product.push_back(order < 0 ? *i++ : *j++);
    }
  }
  return product;
}

const std::vector<Summand>& DimAccess::summands(const Dim& dim) {
  static const std::vector<Summand> none;
  return dim.term_ ? dim.term_->summands : none;
}

Dim DimAccess::make(std::vector<Summand> summands, int64_t constant) {
  std::sort(summands.begin(), summands.end(),
            [](const Summand& a, const Summand& b) { return compare(a.monomial, b.monomial) < 0; });
  auto term = std::make_shared<Dim::Term>();
  term->constant = constant;
  for (Summand& summand : summands) {
    if (!term->summands.empty() && compare(term->summands.back().monomial, summand.monomial) == 0) {
      int64_t& coefficient = term->summands.back().coefficient;
      coefficient = saturating_add(coefficient, summand.coefficient);
    } else {
      term->summands.push_back(std::move(summand));
    }
  }
  std::erase_if(term->summands, [](const Summand& summand) { return summand.coefficient == 0; });
  if (term->summands.empty()) return Dim(constant);
  Dim dim;
  dim.term_ = std::move(term);
  return dim;
}

Dim DimAccess::of_atom(AtomPtr atom) {
  return make({{.monomial = {{std::move(atom), 1}}, .coefficient = 1}}, 0);
}

const Atom* DimAccess::single_atom(const Dim& dim) {
  const std::vector<Summand>& all = summands(dim);
  if (all.size() != 1 || constant(dim) != 0 || all[0].coefficient != 1) return nullptr;
  const Monomial& monomial = all[0].monomial;
  return monomial.size() == 1 && monomial[0].power == 1 ? monomial[0].atom.get() : nullptr;
}

Dim make_atom(ExprOp op, std::vector<Dim> operands, double scale) {
  auto atom = std::make_shared<Atom>();
  atom->op = op;
  atom->operands = std::move(operands);
  atom->scale = scale;
  for (const Dim& operand : atom->operands) atom->complexity += operand.complexity();
  atom->text = atom_text(*atom);
  atom->bounds = atom_bounds(*atom);
  return DimAccess::of_atom(std::move(atom));
}

Dim Dim::symbol(std::string_view name) {
  auto atom = std::make_shared<Atom>();
  atom->name = name;
  atom->text = symbol_text(name);
  atom->bounds = atom_bounds(*atom);
  return DimAccess::of_atom(std::move(atom));
}

std::optional<std::string> Dim::symbol_name() const {
  const Atom* atom = DimAccess::single_atom(*this);
  if (!atom || atom->op != ExprOp::kSymbol) return std::nullopt;
  return atom->name;
}

std::size_t Dim::complexity() const {
  std::size_t sum = 1;
  for (const Summand& summand : DimAccess::summands(*this))
    for (const Factor& factor : summand.monomial) sum += factor.atom->complexity;
  return sum;
}

bool Dim::operator==(const Dim& other) const {
  if (term_ == other.term_) return value_ == other.value_;
  if (!term_ || !other.term_) return false;
  const auto &a = term_->summands, &b = other.term_->summands;
  return term_->constant == other.term_->constant &&
         std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Summand& x, const Summand& y) {
           return x.coefficient == y.coefficient && compare(x.monomial, y.monomial) == 0;
         });
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is(0)) return b;
  if (b.is(0)) return a;
  std::vector<Summand> summands = DimAccess::summands(a);
  const std::vector<Summand>& more = DimAccess::summands(b);
  summands.insert(summands.end(), more.begin(), more.end());
  return DimAccess::make(std::move(summands), saturating_add(DimAccess::constant(a), DimAccess::constant(b)));
}

Dim operator-(const Dim& a, const Dim& b) {
  if (b.is(0)) return a;
  std::vector<Summand> summands = DimAccess::summands(a);
  for (Summand summand : DimAccess::summands(b)) {
    summand.coefficient = saturating_sub(0, summand.coefficient);
    summands.push_back(std::move(summand));
  }
  return DimAccess::make(std::move(summands), saturating_sub(DimAccess::constant(a), DimAccess::constant(b)));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  const std::vector<Summand>&left = DimAccess::summands(a), &right = DimAccess::summands(b);
  const int64_t left_constant = DimAccess::constant(a), right_constant = DimAccess::constant(b);
  if ((left.size() + 1) * (right.size() + 1) > kMaxSummands) {
    const bool in_order = a.to_string() < b.to_string();
    return make_atom(ExprOp::kMul, in_order ? std::vector{a, b} : std::vector{b, a});
  }
  std::vector<Summand> summands;
  for (const Summand& x : left)
    for (const Summand& y : right)
      summands.push_back({x.monomial * y.monomial, saturating_mul(x.coefficient, y.coefficient)});
  for (const Summand& x : left) summands.push_back({x.monomial, saturating_mul(x.coefficient, right_constant)});
  for (const Summand& y : right) summands.push_back({y.monomial, saturating_mul(y.coefficient, left_constant)});
  return DimAccess::make(std::move(summands), saturating_mul(left_constant, right_constant));
}

Dim min(const Dim& a, const Dim& b) {
  return extreme_of(ExprOp::kMin, a, b);
}
Dim max(const Dim& a, const Dim& b) {
  return extreme_of(ExprOp::kMax, a, b);
}

Dim extreme_of(ExprOp op, const Dim& a, const Dim& b) {
  // Nested ones of the same kind join into one list, which then loses what another operand makes redundant.
  std::vector<Dim> all;
  for (const Dim* operand : {&a, &b}) {
    const Atom* atom = DimAccess::single_atom(*operand);
    if (atom && atom->op == op)
      all.insert(all.end(), atom->operands.begin(), atom->operands.end());
    else
      all.push_back(*operand);
  }
  std::vector<Dim> kept;
  for (const Dim& candidate : all) {
    const auto wins_over = [op](const Dim& x, const Dim& y) {
      if (op == ExprOp::kMin && y.is(INT64_MAX)) return true;
      if (op == ExprOp::kMax && y.is(INT64_MIN)) return true;
      return (op == ExprOp::kMin ? y - x : x - y).is_at_least(0);
    };
    if (std::any_of(kept.begin(), kept.end(), [&](const Dim& other) { return wins_over(other, candidate); })) continue;
    std::erase_if(kept, [&](const Dim& other) { return wins_over(candidate, other); });
    kept.push_back(candidate);
  }
  if (kept.size() == 1) return kept[0];
  std::sort(kept.begin(), kept.end(), [](const Dim& x, const Dim& y) {
    return x.is_constant() != y.is_constant() ? y.is_constant() : x.to_string() < y.to_string();
  });
  return make_atom(op, std::move(kept));
}

Dim select(const Dim& condition, const Dim& a, const Dim& b) {
  if (condition.is_constant()) return condition.value() != 0 ? a : b;
  if (a == b) return a;
  if (const DimBounds bounds = bounds_of(condition); bounds.low > 0 || bounds.high < 0) return a;
  const Atom* atom = DimAccess::single_atom(condition);
  if (atom && atom->op == ExprOp::kEqual) {
    // Where x == y, either stands for the other.
    const Dim &x = atom->operands[0], &y = atom->operands[1];
    if ((a == x && b == y) || (a == y && b == x)) return b;
    if (const std::optional<std::string> symbol = x.symbol_name(); symbol && y.is_constant()) {
      const std::map<std::string, Dim> there = {{*symbol, y}};
      if (a.substitute(there) == b.substitute(there)) return b;
    }
  }
  return make_atom(ExprOp::kSelect, {condition, a, b});
}

Dim equal(const Dim& a, const Dim& b) {
  if (a == b) return 1;
  const Dim difference = a - b;
  if (difference.is_constant() || difference.is_at_least(1) || (b - a).is_at_least(1)) return 0;
  const bool in_order = a.is_constant() != b.is_constant() ? b.is_constant() : a.to_string() < b.to_string();
  return make_atom(ExprOp::kEqual, in_order ? std::vector{a, b} : std::vector{b, a});
}

Dim less(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return a.value() < b.value();
  if ((b - a).is_at_least(1)) return 1;
  if ((a - b).is_at_least(0)) return 0;
  return make_atom(ExprOp::kLess, {a, b});
}

Dim scale_floor(const Dim& a, double scale) {
  if (a.is_constant()) return apply(ExprOp::kScaleFloor, a.value(), 0, scale);
  for (int64_t whole = 1; whole <= (int64_t{1} << 30);
       whole *= 2)  // exact in binary, so the same as an integer division
    if (scale * static_cast<double>(whole) == 1.0) return floor_div(a, whole);
  if (scale >= 1 && scale <= 1024 && scale == static_cast<double>(static_cast<int64_t>(scale)))
    return a * static_cast<int64_t>(scale);
  return make_atom(ExprOp::kScaleFloor, {a}, scale);
}

Dim real(double number) {
  return std::bit_cast<int64_t>(number);
}

Dim real_ratio(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return apply(ExprOp::kRealRatio, a.value(), b.value());
  if (a == b) return real(1);
  return make_atom(ExprOp::kRealRatio, {a, b});
}

Dim real_scale_floor(const Dim& a, const Dim& scale) {
  if (a.is_constant() && scale.is_constant()) return apply(ExprOp::kRealScaleFloor, a.value(), scale.value());
  if (scale.is_constant()) {
    const double factor = std::bit_cast<double>(scale.value());
    if (factor >= 1 && factor <= 1024 && factor == std::floor(factor)) return a * static_cast<int64_t>(factor);
    for (int64_t whole = 2; whole <= 1024; whole *= 2)
      if (factor * static_cast<double>(whole) == 1) return floor_div(a, whole);
  }
  return make_atom(ExprOp::kRealScaleFloor, {a, scale});
}

Dim real_range_count(const Dim& start, const Dim& limit, const Dim& delta) {
  if (start.is_constant() && limit.is_constant() && delta.is_constant())
    return apply(ExprOp::kRealRangeCount, start.value(), limit.value(), 0, delta.value());
  return make_atom(ExprOp::kRealRangeCount, {start, limit, delta});
}

Dim Dim::substitute(const std::map<std::string, Dim>& symbols) const {
  Dim sum = DimAccess::constant(*this);
  for (const Summand& summand : DimAccess::summands(*this)) {
    Dim product = summand.coefficient;
    for (const Factor& factor : summand.monomial) {
      const Dim replaced = substitute_atom(*factor.atom, symbols);
      for (int i = 0; i < factor.power; ++i) product = product * replaced;
    }
    sum = sum + product;
  }
  return sum;
}

Dim substitute_atom(const Atom& atom, const std::map<std::string, Dim>& symbols) {
  std::vector<Dim> x;
  for (const Dim& operand : atom.operands) x.push_back(operand.substitute(symbols));
  switch (atom.op) {
    case ExprOp::kSymbol: {
      const auto found = symbols.find(atom.name);
      return found == symbols.end() ? Dim::symbol(atom.name) : found->second;
    }
    case ExprOp::kMul: return x[0] * x[1];
    case ExprOp::kFloorDiv: return floor_div(x[0], x[1]);
    case ExprOp::kCeilDiv: return ceil_div(x[0], x[1]);
    case ExprOp::kMod: return mod(x[0], x[1]);
    case ExprOp::kSelect: return select(x[0], x[1], x[2]);
    case ExprOp::kEqual: return equal(x[0], x[1]);
    case ExprOp::kLess: return less(x[0], x[1]);
    case ExprOp::kScaleFloor: return scale_floor(x[0], atom.scale);
    case ExprOp::kRealScaleFloor: return real_scale_floor(x[0], x[1]);
    case ExprOp::kRealRatio: return real_ratio(x[0], x[1]);
    case ExprOp::kRealRangeCount: return real_range_count(x[0], x[1], x[2]);
    default:
      return std::accumulate(x.begin() + 1, x.end(), x[0],
                             [&](const Dim& a, const Dim& b) { return extreme_of(atom.op, a, b); });
  }
}

std::optional<int64_t> Dim::evaluate(const std::map<std::string, int64_t>& symbols) const {
  if (is_constant()) return value_;
  ExpressionTable table;
  const uint32_t row = table.add(*this);
  std::vector<int64_t> given;
  for (const std::string& name : table.symbols()) {
    const auto found = symbols.find(name);
    if (found == symbols.end()) return std::nullopt;
    given.push_back(found->second);
  }
  std::vector<int64_t> values(table.nodes().size());
  tegula::evaluate(table.nodes(), given, values);
  return values[row];
}

void Dim::collect_symbols(std::vector<std::string>& names) const {
  for (const Summand& summand : DimAccess::summands(*this)) {
    for (const Factor& factor : summand.monomial) {
      for (const Dim& operand : factor.atom->operands) operand.collect_symbols(names);
      if (factor.atom->op == ExprOp::kSymbol && std::find(names.begin(), names.end(), factor.atom->name) == names.end())
        names.push_back(factor.atom->name);
    }
  }
}

Shape to_shape(const std::vector<int64_t>& dims) {
  return Shape(dims.begin(), dims.end());
}

std::optional<std::vector<int64_t>> constant_dims(const Shape& shape) {
  std::vector<int64_t> dims;
  for (const Dim& dim : shape) {
    if (!dim.is_constant()) return std::nullopt;
    dims.push_back(dim.value());
  }
  return dims;
}

Dim product(const Shape& shape, std::size_t begin, std::size_t end) {
  Dim result = 1;
  for (std::size_t i = begin; i < std::min(end, shape.size()); ++i) result = result * shape[i];
  return result;
}

}  // namespace tegula::compiler
