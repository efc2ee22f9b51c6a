#include "compiler/graph/text_scanner.h"

#include <algorithm>
#include <cctype>

#include "schema/printable.h"

namespace tegula::compiler {
namespace {

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}
bool is_name_character(char c) {
  return is_word_character(c) || c == '.' || c == '/' || c == '-' || c == '+';
}
bool opens(char c) {
  return c == '(' || c == '[' || c == '{' || c == '<';
}
bool closes(char c) {
  return c == ')' || c == ']' || c == '}' || c == '>';
}

}  // namespace

bool TextScanner::next_statement() {
  open_ = 0;
  while (peek() == '\n') ++position_;
  return position_ < text_.size();
}

char TextScanner::peek() {
  for (;; ++position_) {
    if (next() == '#') position_ = std::min(text_.find('\n', position_), text_.size());
    const char c = next();
    if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && open_ > 0)) continue;
    return c;
  }
}

bool TextScanner::take(char c) {
  if (peek() != c || c == '\0') return false;
  ++position_;
  open_ += opens(c) ? 1 : closes(c) ? -1 : 0;
  return true;
}

bool TextScanner::take_word(std::string_view word) {
  peek();
  if (text_.substr(position_, word.size()) != word) return false;
  const std::size_t after = position_ + word.size();
  if (after < text_.size() && is_name_character(text_[after])) return false;
  position_ = after;
  return true;
}

std::string TextScanner::word() {
  peek();
  const std::size_t begin = position_;
  while (is_word_character(next())) ++position_;
  return std::string(text_.substr(begin, position_ - begin));
}

std::string TextScanner::name() {
  peek();
  const std::size_t begin = position_;
  while (is_name_character(next())) ++position_;
  return std::string(text_.substr(begin, position_ - begin));
}

Result<std::string> TextScanner::quoted() {
  if (!take('"')) return fail("'\"' expected");
  std::string result;
  while (next() != '"') {
    if (position_ >= text_.size()) return fail("the closing '\"' is missing");
    if (next() == '\\') {
      ++position_;
      result += next() == 'n' ? '\n' : next();
    } else {
      result += next();
    }
    ++position_;
  }
  ++position_;
  return result;
}

std::string TextScanner::until(std::string_view ends) {
  peek();
  const std::size_t begin = position_;
  int depth = 0;
  for (char quote = '\0'; position_ < text_.size(); ++position_) {
    const char c = next();
    if (quote != '\0') {
      if (c == '\\') ++position_;
      if (c == quote) quote = '\0';
      continue;
    }
    if (depth == 0 && ends.find(c) != std::string_view::npos) break;
    if ((c == '\n' || c == '#') && open_ == 0) break;
    if (c == '"' || c == '\'') quote = c;
    depth += opens(c) ? 1 : closes(c) ? -1 : 0;
  }
  position_ = std::min(position_, text_.size());
  std::size_t end = position_;
  while (end > begin && std::isspace(static_cast<unsigned char>(text_[end - 1]))) --end;
  return std::string(text_.substr(begin, end - begin));
}

Error TextScanner::fail(std::string_view what) const {
  const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(position_), '\n');
  return {ErrorCode::kInvalidArgument, concat("graph text, line ", line, ": ", printable(what, kLongestMessage))};
}

}  // namespace tegula::compiler
