#pragma once
#include <CLI/CLI.hpp>
#include <charconv>
#include <string>

namespace tegula::driver {

/// Checks an option that counts something: a whole number from `lowest` on. The library's own checks name the largest
/// double instead of saying so.
inline CLI::Validator counts_from(int64_t lowest) {
  const auto check = [lowest](const std::string& text) {
    int64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code == std::errc{} && end == text.data() + text.size() && number >= lowest) return std::string();
    return "'" + text + "' is no whole number from " + std::to_string(lowest) + " on";
  };
  return CLI::Validator(check, "", "counts");
}

}  // namespace tegula::driver
