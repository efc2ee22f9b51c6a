#pragma once
#include <string>
#include <string_view>

namespace tegula::runtime {

/// Text out of a file, fit for a message of one line: control characters escaped, cut after `longest` bytes.
std::string printable(std::string_view text, std::size_t longest = 80);

/// The same in quotation marks.
std::string quoted(std::string_view name);

}  // namespace tegula::runtime
