#include "compiler/passes/match.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace tegula::compiler {

/// Binds and unbinds; patterns see Match through it.
struct MatchAccess {
  struct Mark {
    std::size_t values, numbers, nodes;
  };
  static Mark mark(const Match& match) { return {match.values_.size(), match.numbers_.size(), match.nodes_.size()}; }
  static void undo(Match& match, const Mark& mark) {
    match.values_.resize(mark.values);
    match.numbers_.resize(mark.numbers);
    match.nodes_.resize(mark.nodes);
  }
  static void add(Match& match, Node* node) { match.nodes_.push_back(node); }

  static bool bind(Match& match, const std::string& name, Value* value) {
    for (const auto& [bound, other] : match.values_)
      if (bound == name) return other == value;
    match.values_.emplace_back(name, value);
    return true;
  }
  static bool bind(Match& match, const std::string& name, double number) {
    for (const auto& [bound, other] : match.numbers_)
      if (bound == name) return nearly_equal(other, number);
    match.numbers_.emplace_back(name, number);
    return true;
  }
};

namespace {

bool is_commutative(Function function) {
  switch (function) {
    case Function::k_add:
    case Function::k_mul:
    case Function::k_min:
    case Function::k_max: return true;
    default: return false;
  }
}

/// Matches operands[i] with patterns[i] from `i` on, then `next`.
bool match_all(const std::vector<Pattern>& patterns, const std::vector<Value*>& operands, std::size_t i, Match& match,
               const Pattern::Next& next) {
  if (i == patterns.size()) return next(match);
  return patterns[i].run(operands[i], match, [&](Match& m) { return match_all(patterns, operands, i + 1, m, next); });
}

/// Tries `attempt`; whatever it bound is forgotten when it fails.
template <typename Attempt>
bool try_match(Match& match, Attempt&& attempt) {
  const MatchAccess::Mark mark = MatchAccess::mark(match);
  if (attempt()) return true;
  MatchAccess::undo(match, mark);
  return false;
}

using NextProduct = std::function<bool(Match&, double coefficient)>;

bool match_product(const std::vector<Pattern>& factors, unsigned wanted, Value* value, double coefficient, Match& match,
                   const NextProduct& next);

/// The same where value's producer is part of the product: a negation, a quotient or a product.
bool match_product_below(const std::vector<Pattern>& factors, unsigned wanted, Value* value, double coefficient,
                         Match& match, const NextProduct& next) {
  Node* node = value->producer;
  if (node == nullptr || single_function(*node) == nullptr) return false;
  const auto through = [&](Value* operand, double factor) {
    return try_match(match, [&] {
      MatchAccess::add(match, node);
      return match_product(factors, wanted, operand, coefficient * factor, match, next);
    });
  };
  if (is_function(node, Function::k_neg)) return through(node->input(0), -1);
  if (is_function(node, Function::k_div)) {
    const std::optional<double> divisor = splat(node->input(1));
    return divisor && *divisor != 0 && through(node->input(0), 1 / *divisor);
  }
  if (!is_function(node, Function::k_mul)) return false;
  for (const int side : {0, 1}) {
    const std::optional<double> scale = splat(node->input(static_cast<std::size_t>(side)));
    if (scale && through(node->input(static_cast<std::size_t>(1 - side)), *scale)) return true;
  }
  for (unsigned left = (wanted - 1) & wanted; left != 0; left = (left - 1) & wanted) {
    const bool found = try_match(match, [&] {
      MatchAccess::add(match, node);
      return match_product(factors, left, node->input(0), coefficient, match, [&](Match& m, double so_far) {
        return match_product(factors, wanted & ~left, node->input(1), so_far, m, next);
      });
    });
    if (found) return true;
  }
  return false;
}

/// Finds the factors whose bits are set in `wanted` in the product that `value` is, with its constant coefficient. Goes
/// as deep as it can first, so that one factor stands for what remains when all constants are taken off.
bool match_product(const std::vector<Pattern>& factors, unsigned wanted, Value* value, double coefficient, Match& match,
                   const NextProduct& next) {
  if (match_product_below(factors, wanted, value, coefficient, match, next)) return true;
  const bool one_wanted = (wanted & (wanted - 1)) == 0;
  if (!one_wanted) return false;
  const auto index = static_cast<std::size_t>(__builtin_ctz(wanted));
  return try_match(match,
                   [&] { return factors[index].run(value, match, [&](Match& m) { return next(m, coefficient); }); });
}

}  // namespace

Value* Match::value(std::string_view name) const {
  for (const auto& [bound, value] : values_)
    if (bound == name) return value;
  TEGULA_CHECK(false, "the pattern binds no value of this name");
  return nullptr;
}

double Match::number(std::string_view name) const {
  for (const auto& [bound, number] : numbers_)
    if (bound == name) return number;
  TEGULA_CHECK(false, "the pattern binds no number of this name");
  return 0;
}

bool Match::has(std::string_view name) const {
  const auto is_named = [&](const auto& entry) { return entry.first == name; };
  return std::any_of(values_.begin(), values_.end(), is_named) ||
         std::any_of(numbers_.begin(), numbers_.end(), is_named);
}

bool Match::is_closed(const Value* root) const {
  for (const Node* node : nodes_) {
    for (const Value* output : node->outputs) {
      if (output == nullptr || output == root) continue;
      if (output->is_output) return false;
      for (const Node* user : output->users)
        if (std::find(nodes_.begin(), nodes_.end(), user) == nodes_.end()) return false;
    }
  }
  return true;
}

std::optional<Match> Pattern::match(Value* value) const {
  Match found;
  if (run(value, found, [](Match&) { return true; })) return found;
  return std::nullopt;
}

Pattern any(std::string name) {
  return Pattern([name = std::move(name)](Value* value, Match& match, const Pattern::Next& next) {
    return try_match(match, [&] { return MatchAccess::bind(match, name, value) && next(match); });
  });
}

Pattern constant(std::string name) {
  return Pattern([name = std::move(name)](Value* value, Match& match, const Pattern::Next& next) {
    if (!value->is_constant() || !is_float(value->dtype)) return false;
    return try_match(match, [&] { return MatchAccess::bind(match, name, value) && next(match); });
  });
}

Pattern number(std::string name) {
  return Pattern([name = std::move(name)](Value* value, Match& match, const Pattern::Next& next) {
    const std::optional<double> bound = splat(value);
    return bound && try_match(match, [&] { return MatchAccess::bind(match, name, *bound) && next(match); });
  });
}

Pattern number(double expected) {
  return Pattern([expected](Value* value, Match& match, const Pattern::Next& next) {
    const std::optional<double> found = splat(value);
    return found && nearly_equal(*found, expected) && next(match);
  });
}

Pattern call(Function function, std::vector<Pattern> operands) {
  return Pattern([function, operands = std::move(operands)](Value* value, Match& match, const Pattern::Next& next) {
    Node* node = value->producer;
    if (!is_function(node, function) || node->inputs.size() != operands.size()) return false;
    const bool found = try_match(match, [&] {
      MatchAccess::add(match, node);
      return match_all(operands, node->inputs, 0, match, next);
    });
    if (found || !is_commutative(function)) return found;
    const std::vector<Value*> swapped = {node->inputs[1], node->inputs[0]};
    return try_match(match, [&] {
      MatchAccess::add(match, node);
      return match_all(operands, swapped, 0, match, next);
    });
  });
}

Pattern operation(std::string op, std::vector<Pattern> operands, std::function<bool(const Node&)> test) {
  return Pattern([op = std::move(op), operands = std::move(operands), test = std::move(test)](
                     Value* value, Match& match, const Pattern::Next& next) {
    Node* node = value->producer;
    if (!is_op(node, op) || node->output(0) != value || node->inputs.size() < operands.size()) return false;
    if (!node->post_ops.empty()) return false;
    for (std::size_t i = operands.size(); i < node->inputs.size(); ++i)
      if (node->inputs[i] != nullptr) return false;
    if (test && !test(*node)) return false;
    return try_match(match, [&] {
      MatchAccess::add(match, node);
      return match_all(operands, node->inputs, 0, match, next);
    });
  });
}

Pattern either(std::vector<Pattern> alternatives) {
  return Pattern([alternatives = std::move(alternatives)](Value* value, Match& match, const Pattern::Next& next) {
    return std::any_of(alternatives.begin(), alternatives.end(), [&](const Pattern& pattern) {
      return try_match(match, [&] { return pattern.run(value, match, next); });
    });
  });
}

Pattern product(std::vector<Pattern> factors, double coefficient) {
  return Pattern([factors = std::move(factors), coefficient](Value* value, Match& match, const Pattern::Next& next) {
    const unsigned all = (1u << factors.size()) - 1;
    return match_product(factors, all, value, 1, match,
                         [&](Match& m, double found) { return nearly_equal(found, coefficient) && next(m); });
  });
}

Pattern product(std::vector<Pattern> factors, std::string coefficient_name) {
  return Pattern([factors = std::move(factors), name = std::move(coefficient_name)](Value* value, Match& match,
                                                                                    const Pattern::Next& next) {
    const unsigned all = (1u << factors.size()) - 1;
    return match_product(factors, all, value, 1, match, [&](Match& m, double found) {
      return try_match(m, [&] { return MatchAccess::bind(m, name, found) && next(m); });
    });
  });
}

bool nearly_equal(double a, double b) {
  if (a == b) return true;
  return std::abs(a - b) <= 1e-6 * std::max(std::abs(a), std::abs(b));
}

std::optional<double> splat(const Value* value) {
  if (value == nullptr || !value->is_constant() || !is_float(value->dtype)) return std::nullopt;
  const Literal& literal = *value->literal;
  if (literal.count() == 0 || literal.dtype() != DType::kF32) return std::nullopt;
  const float first = literal.at<float>(0);
  for (int64_t i = 1; i < literal.count(); ++i)
    if (!(literal.at<float>(i) == first)) return std::nullopt;
  return first;
}

}  // namespace tegula::compiler
