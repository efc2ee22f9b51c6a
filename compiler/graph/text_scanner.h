#pragma once
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace tegula::compiler {

/// Reads the tokens of a graph's text. Statements end with the line, unless a bracket is open; '#' starts a comment.
class TextScanner {
 public:
  explicit TextScanner(std::string_view text) : text_(text) {}

  /// Goes to the next line that holds a statement. False at the end.
  bool next_statement();
  bool at_end_of_statement() { return peek() == '\0' || peek() == '\n'; }

  char peek();  ///< next character that is no space; '\0' at the end
  bool take(char c);
  bool take_word(std::string_view word);  ///< takes `word` if it stands here and no further letter follows
  std::string word();                     ///< letters, digits and '_'; may be empty
  std::string name();                     ///< letters, digits and '_', '.', '/', '-', '+'; may be empty
  Result<std::string> quoted();
  /// Everything up to one of `ends` that stands outside of brackets and quotes, or the end of the statement, without
  /// spaces around it.
  std::string until(std::string_view ends);

  Error fail(std::string_view what) const;

 private:
  char next() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  std::string_view text_;
  std::size_t position_ = 0;
  int open_ = 0;  // brackets
};

}  // namespace tegula::compiler
