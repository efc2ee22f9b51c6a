#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tegula {

constexpr std::size_t kLongestMessage = 2000;  ///< for `longest`, of a whole message

/// Text out of a file, fit for a message of one line on any terminal: whatever is no printable UTF-8 (control
/// characters, line separators, marks that turn the direction of text, stray bytes) stands as \xNN, byte by byte. Cut
/// after `longest` bytes of the text, never within a character.
std::string printable(std::string_view text, std::size_t longest = 80);

}  // namespace tegula
