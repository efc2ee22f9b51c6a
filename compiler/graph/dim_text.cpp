// Dims as text, and back.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "compiler/graph/dim_term.h"
#include "schema/printable.h"

namespace tegula::compiler {
namespace {

struct FunctionName {
  std::string_view name;
  ExprOp op;
  std::size_t operands;  // for min and max: at least
};

constexpr FunctionName kFunctions[] = {
    {"floor_div", ExprOp::kFloorDiv, 2},
    {"ceil_div", ExprOp::kCeilDiv, 2},
    {"mod", ExprOp::kMod, 2},
    {"min", ExprOp::kMin, 2},
    {"max", ExprOp::kMax, 2},
    {"select", ExprOp::kSelect, 3},
    {"equal", ExprOp::kEqual, 2},
    {"less", ExprOp::kLess, 2},
    {"scale_floor", ExprOp::kScaleFloor, 2},
    {"product", ExprOp::kMul, 2},
    {"real_scale_floor", ExprOp::kRealScaleFloor, 2},
    {"real_ratio", ExprOp::kRealRatio, 2},
    {"real_range_count", ExprOp::kRealRangeCount, 3},
};

bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
}

std::string number_text(double number) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.17g", number);
  return buffer;
}

std::string monomial_text(const Monomial& monomial) {
  std::string text;
  for (const Factor& factor : monomial)
    for (int i = 0; i < factor.power; ++i) text += (text.empty() ? "" : "*") + factor.atom->text;
  return text;
}

/// expression = ["-"] product (("+" | "-") product)*;  product = primary ("*" primary)*
/// primary = number | name | 'quoted name' | function "(" expression, ... ")" | "(" expression ")"
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Dim> all() {
    auto result = expression();
    if (result.ok() && position_ != text_.size()) return fail("something follows the expression");
    return result;
  }

 private:
  static constexpr int kMaxDepth = 64;

  Error fail(std::string_view what) const {
    return {ErrorCode::kInvalidArgument,
            concat("expression '", printable(text_), "', column ", position_ + 1, ": ", printable(what))};
  }

  char peek() {
    while (position_ < text_.size() && text_[position_] == ' ') ++position_;
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++position_;
    return true;
  }

  Result<Dim> expression() {
    if (++depth_ > kMaxDepth) return fail("nested too deeply");
    const bool negative = take('-');
    TEGULA_ASSIGN_OR_RETURN(Dim sum, product_of_primaries(negative));
    for (;;) {
      const bool minus = peek() == '-';
      if (!minus && peek() != '+') break;
      ++position_;
      TEGULA_ASSIGN_OR_RETURN(const Dim next, product_of_primaries(minus));
      sum = sum + next;
    }
    if (sum.complexity() > Dim::kMaxComplexity) return fail("too long");
    --depth_;
    return sum;
  }

  Result<Dim> product_of_primaries(bool negative) {
    TEGULA_ASSIGN_OR_RETURN(Dim result, primary(negative));
    while (take('*')) {
      TEGULA_ASSIGN_OR_RETURN(const Dim next, primary(false));
      result = result * next;
    }
    return result;
  }

  /// The sign is part of a number, so that the lowest one can be read.
  Result<Dim> primary(bool negative) {
    const char c = peek();
    if (std::isdigit(static_cast<unsigned char>(c))) return number(negative);
    TEGULA_ASSIGN_OR_RETURN(const Dim value, c == '(' ? group() : c == '\'' ? quoted() : named());
    return negative ? 0 - value : value;
  }

  Result<Dim> group() {
    take('(');
    TEGULA_ASSIGN_OR_RETURN(const Dim value, expression());
    if (!take(')')) return fail("')' expected");
    return value;
  }

  Result<Dim> number(bool negative) {
    uint64_t magnitude = 0;
    const auto [end, error] = std::from_chars(text_.data() + position_, text_.data() + text_.size(), magnitude);
    const uint64_t limit = static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0);
    if (error != std::errc() || magnitude > limit) return fail("the number does not fit 64 bits");
    position_ = static_cast<std::size_t>(end - text_.data());
    return Dim(static_cast<int64_t>(negative ? 0 - magnitude : magnitude));
  }

  Result<Dim> quoted() {
    take('\'');
    std::string name;
    while (position_ < text_.size() && text_[position_] != '\'') {
      if (text_[position_] == '\\' && position_ + 1 < text_.size()) ++position_;
      name += text_[position_++];
    }
    if (position_ == text_.size()) return fail("the name's closing quote is missing");
    ++position_;
    return Dim::symbol(name);
  }

  Result<Dim> named() {
    if (!is_name_start(peek())) return fail("a number, a symbol or '(' expected");
    const std::size_t begin = position_;
    while (position_ < text_.size() && is_name_character(text_[position_])) ++position_;
    const std::string_view name = text_.substr(begin, position_ - begin);
    if (peek() != '(') return Dim::symbol(name);
    for (const FunctionName& function : kFunctions)
      if (function.name == name) return call(function);
    return fail(concat("there is no function '", name, "'"));
  }

  Result<Dim> call(const FunctionName& function) {
    take('(');
    std::vector<Dim> operands;
    double scale = 0;
    do {
      if (function.op == ExprOp::kScaleFloor && operands.size() == 1) {
        peek();
        const auto [end, error] = std::from_chars(text_.data() + position_, text_.data() + text_.size(), scale);
        if (error != std::errc()) return fail("a number expected");
        position_ = static_cast<std::size_t>(end - text_.data());
        operands.push_back(0);
        continue;
      }
      TEGULA_ASSIGN_OR_RETURN(Dim operand, expression());
      operands.push_back(std::move(operand));
    } while (take(','));
    if (!take(')')) return fail("')' expected");
    const bool many = function.op == ExprOp::kMin || function.op == ExprOp::kMax;
    if (many ? operands.size() < function.operands : operands.size() != function.operands)
      return fail(concat("'", function.name, "' has ", function.operands, " operands"));
    const Atom call{.op = function.op, .operands = std::move(operands), .scale = scale};
    return substitute_atom(call, {});
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

std::string symbol_text(std::string_view name) {
  const bool plain =
      !name.empty() && is_name_start(name[0]) && std::all_of(name.begin(), name.end(), is_name_character);
  if (plain) return std::string(name);
  std::string text = "'";
  for (const char c : name) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::string atom_text(const Atom& atom) {
  if (atom.op == ExprOp::kSymbol) return symbol_text(atom.name);
  const auto found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                  [&](const FunctionName& function) { return function.op == atom.op; });
  std::string text(found->name);
  for (std::size_t i = 0; i < atom.operands.size(); ++i) text += (i ? ", " : "(") + atom.operands[i].to_string();
  if (atom.op == ExprOp::kScaleFloor) text += ", " + number_text(atom.scale);
  return text + ")";
}

std::string Dim::to_string() const {
  std::string text;
  for (const Summand& summand : DimAccess::summands(*this)) {
    const bool negative = summand.coefficient < 0;
    text += text.empty() ? (negative ? "-" : "") : negative ? " - " : " + ";
    const std::string magnitude = std::to_string(summand.coefficient).substr(negative ? 1 : 0);
    text += (magnitude == "1" ? "" : magnitude + "*") + monomial_text(summand.monomial);
  }
  const int64_t constant = DimAccess::constant(*this);
  if (text.empty()) return std::to_string(constant);
  if (constant == 0) return text;
  return text + (constant < 0 ? " - " : " + ") + std::to_string(constant).substr(constant < 0 ? 1 : 0);
}

Result<Dim> Dim::parse(std::string_view text) {
  return Parser(text).all();
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + shape[i].to_string();
  return text + "]";
}

}  // namespace tegula::compiler
