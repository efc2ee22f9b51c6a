#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/ops/op_def.h"

namespace tegula::compiler {

/// What a pattern has bound: values and numbers by name, and the nodes that it consumed.
class Match {
 public:
  /// Bound under this name; TEGULA_CHECK fails when it is not.
  Value* value(std::string_view name) const;
  double number(std::string_view name) const;
  bool has(std::string_view name) const;

  /// The nodes between the root and the captures; the root's producer first. A node may stand here twice.
  const std::vector<Node*>& nodes() const { return nodes_; }

  /// Nothing outside the match reads a value inside it, the root's apart: the matched nodes die with the root.
  bool is_closed(const Value* root) const;

 private:
  friend struct MatchAccess;
  std::vector<std::pair<std::string, Value*>> values_;
  std::vector<std::pair<std::string, double>> numbers_;
  std::vector<Node*> nodes_;
};

/// A tree of operations to look for above a value. Alternatives (operands of commutative functions in either order,
/// `either`, the many ways to write a product) are searched with backtracking, so a capture that is used twice finds
/// the combination in which both are the same value:
///
///   // x * sigmoid(x), in either order
///   const Pattern silu = call(Function::k_mul, {any("x"), call(Function::k_sigmoid, {any("x")})});
///   if (const std::optional<Match> found = silu.match(value)) ... found->value("x") ...
class Pattern {
 public:
  using Next = std::function<bool(Match&)>;
  using Matcher = std::function<bool(Value*, Match&, const Next&)>;

  explicit Pattern(Matcher matcher) : matcher_(std::make_shared<const Matcher>(std::move(matcher))) {}

  std::optional<Match> match(Value* value) const;
  /// Calls `next` for every way to match until it returns true. For building patterns.
  bool run(Value* value, Match& match, const Next& next) const { return value && (*matcher_)(value, match, next); }

 private:
  std::shared_ptr<const Matcher> matcher_;
};

/// Any value; the same one wherever the name occurs again.
Pattern any(std::string name);
/// A floating-point constant of any shape.
Pattern constant(std::string name);
/// A floating-point constant whose elements are all equal, bound as a number (the same where the name occurs again).
Pattern number(std::string name);
/// Such a constant within the rounding of fp32 of `expected`.
Pattern number(double expected);
/// The result of one elementwise function. add, mul, min and max match in either order of operands.
Pattern call(Function function, std::vector<Pattern> operands);
/// The first output of an operation that the test (when given) accepts; absent operands beyond `operands` are required
/// to be absent.
Pattern operation(std::string op, std::vector<Pattern> operands, std::function<bool(const Node&)> test = nullptr);
Pattern either(std::vector<Pattern> alternatives);
/// coefficient * p0 * p1 ..., however it is written: any order and nesting of mul, div by constants and neg.
Pattern product(std::vector<Pattern> factors, double coefficient = 1);
/// The same with the coefficient bound as a number.
Pattern product(std::vector<Pattern> factors, std::string coefficient_name);

/// Whether two numbers are equal within the rounding of fp32 constants: relative 1e-6.
bool nearly_equal(double a, double b);

/// The value of all elements of a floating-point constant, when they are equal.
std::optional<double> splat(const Value* value);

}  // namespace tegula::compiler
