#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "schema/base/result.h"
#include "schema/expressions.h"

namespace tegula::compiler {

struct Atom;  // dim_term.h

/// A size that may depend on symbols: a constant, a symbol, or an expression over them. A value: cheap to copy,
/// immutable, safe to share. Kept in a normal form (a polynomial with integer coefficients over symbols and
/// irreducible terms such as floor_div), so that equal sizes usually compare equal: `2*n + n == 3*n`,
/// `floor_div(12*n + 24, 12) == n + 2`. Symbols stand for sizes and are never negative, but for those whose names end
/// in ']': elements of shape inputs ("starts[0]"), which may be any integer. A division by an expression
/// assumes that this is not zero where something cancels: `floor_div(n*s, s) == n`.
class Dim {
 public:
  Dim() = default;  ///< 0
  Dim(int64_t value) : value_(value) {}
  static Dim symbol(std::string_view name);

  bool is_constant() const { return term_ == nullptr; }
  int64_t value() const { return value_; }  ///< only when is_constant()
  bool is(int64_t value) const { return is_constant() && value_ == value; }
  std::optional<std::string> symbol_name() const;  ///< when this is a bare symbol

  /// Same normal form: certainly equal for all values of the symbols. False may also mean "not known".
  bool operator==(const Dim& other) const;
  bool operator!=(const Dim& other) const { return !(*this == other); }

  /// Whether this is certainly >= bound for all non-negative values of the symbols.
  bool is_at_least(int64_t bound) const;

  Dim substitute(const std::map<std::string, Dim>& symbols) const;
  std::optional<int64_t> evaluate(
      const std::map<std::string, int64_t>& symbols) const;     ///< nullopt: a symbol is missing
  void collect_symbols(std::vector<std::string>& names) const;  ///< appends each new name once

  /// How many terms the expression has, all in all. Graph refuses shapes above kMaxComplexity, so no chain of nodes can
  /// make expressions that double with each.
  std::size_t complexity() const;
  static constexpr std::size_t kMaxComplexity = 4096;

  /// "3", "batch", "4*h + 2", "floor_div(h + 1, 2)"; parse() reads it back.
  std::string to_string() const;
  static Result<Dim> parse(std::string_view text);

  struct Term;  // the normal form; dim.cpp

 private:
  int64_t value_ = 0;
  std::shared_ptr<const Term> term_;
  friend struct DimAccess;
};

Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
Dim floor_div(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);
Dim mod(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);
Dim select(const Dim& condition, const Dim& a, const Dim& b);  ///< condition != 0 ? a : b
Dim equal(const Dim& a, const Dim& b);                         ///< 0 or 1
Dim less(const Dim& a, const Dim& b);                          ///< 0 or 1
/// The size that two sizes broadcast to, where one of them may turn out to be 1: select(equal(a, 1), b, a), in a form that
/// does not depend on the order in which several sizes meet.
Dim broadcast_of(const Dim& a, const Dim& b);
Dim scale_floor(const Dim& a, double scale);                   ///< floor(a * scale)

// Reals (schema/expressions.h): Dims that hold the bits of a double.
Dim real(double number);
Dim real_ratio(const Dim& a, const Dim& b);                                  ///< the real a / b
Dim real_scale_floor(const Dim& a, const Dim& scale);                        ///< floor(a * scale) in fp32; scale a real
Dim real_range_count(const Dim& start, const Dim& limit, const Dim& delta);  ///< elements of a Range of reals

using Shape = std::vector<Dim>;

std::string to_string(const Shape& shape);  ///< "[batch,3,224,224]"
Shape to_shape(const std::vector<int64_t>& dims);
/// The dimensions as numbers, when all are constant.
std::optional<std::vector<int64_t>> constant_dims(const Shape& shape);
Dim product(const Shape& shape, std::size_t begin = 0, std::size_t end = SIZE_MAX);

/// Turns Dims into rows of the program's table of expressions, each distinct row once.
class ExpressionTable {
 public:
  /// The row that computes `dim`.
  uint32_t add(const Dim& dim);
  const std::vector<ExprNode>& nodes() const { return nodes_; }
  const std::vector<std::string>& symbols() const { return symbols_; }
  /// Index of a symbol in symbols(), added on first sight.
  uint32_t symbol(std::string_view name);

 private:
  uint32_t add_node(const ExprNode& node);
  uint32_t add_atom(const Atom& atom);
  uint32_t combine(ExprOp op, uint32_t a, uint32_t b, uint32_t c = 0);

  std::vector<ExprNode> nodes_;
  std::vector<std::string> symbols_;
  std::map<std::tuple<ExprOp, int64_t, uint32_t, uint32_t, uint32_t, double>, uint32_t> rows_;
};

}  // namespace tegula::compiler
