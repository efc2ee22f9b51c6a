#pragma once
// The normal form behind Dim; for the dim*.cpp files only.
//
//   Term     = sum of coefficient * Monomial, plus a constant
//   Monomial = product of atoms, each with a power >= 1, sorted by the atoms' text
//   Atom     = a symbol, or a function of Dims that no rule could reduce further
//
// Coefficients are never 0, monomials are distinct and sorted, and a Term has at least one monomial (a constant Dim has
// no Term). Two atoms are equal when their texts are, so texts are canonical.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/graph/dim.h"

namespace tegula::compiler {

/// Smallest and largest value that an expression can take; the extremes of int64 mean "not bounded".
struct DimBounds {
  int64_t low = INT64_MIN;
  int64_t high = INT64_MAX;
};

struct Atom {
  ExprOp op = ExprOp::kSymbol;
  std::string text{};           ///< canonical: the symbol's name (quoted where needed), or "floor_div(h + 1, 2)"
  std::string name{};           ///< of kSymbol
  std::vector<Dim> operands{};  ///< kMin and kMax: two or more
  double scale = 0;             ///< of kScaleFloor
  DimBounds bounds{};
  std::size_t complexity = 1;
};
using AtomPtr = std::shared_ptr<const Atom>;

struct Factor {
  AtomPtr atom;
  int power = 1;
};
using Monomial = std::vector<Factor>;

struct Summand {
  Monomial monomial;
  int64_t coefficient = 0;
};

struct Dim::Term {
  std::vector<Summand> summands;
  int64_t constant = 0;
};

/// How the dim*.cpp files reach into a Dim.
struct DimAccess {
  static const Dim::Term* term(const Dim& dim) { return dim.term_.get(); }
  static int64_t constant(const Dim& dim) { return dim.term_ ? dim.term_->constant : dim.value_; }
  static const std::vector<Summand>& summands(const Dim& dim);
  /// From summands in any order: sorts, merges, drops zeros.
  static Dim make(std::vector<Summand> summands, int64_t constant);
  static Dim of_atom(AtomPtr atom);
  /// The only atom of a Dim that is 1 * atom^1 + 0, otherwise nullptr.
  static const Atom* single_atom(const Dim& dim);
};

int compare(const Monomial& a, const Monomial& b);
Monomial operator*(const Monomial& a, const Monomial& b);

/// An irreducible function of `operands`, with its text and bounds.
Dim make_atom(ExprOp op, std::vector<Dim> operands, double scale = 0);

/// min or max of two.
Dim extreme_of(ExprOp op, const Dim& a, const Dim& b);
Dim substitute_atom(const Atom& atom, const std::map<std::string, Dim>& symbols);

DimBounds bounds_of(const Dim& dim);
DimBounds atom_bounds(const Atom& atom);

std::string symbol_text(std::string_view name);
std::string atom_text(const Atom& atom);
std::string_view function_name(ExprOp op);

int64_t saturating_add(int64_t a, int64_t b);
int64_t saturating_sub(int64_t a, int64_t b);
int64_t saturating_mul(int64_t a, int64_t b);
int64_t floor_div_constants(int64_t a, int64_t b);

}  // namespace tegula::compiler
