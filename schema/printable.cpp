#include "schema/printable.h"

#include <algorithm>
#include <cstdint>

namespace tegula {
namespace {

struct Character {
  uint32_t code = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

// The character that `text` begins with.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (bytes == 0 || bytes > text.size()) return {};
  uint32_t code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  return code < kSmallest[bytes] || code > 0x10ffff || is_surrogate ? Character{} : Character{code, bytes};
}

bool is_printable(uint32_t code) {
  const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool ends_line = code == 0x2028 || code == 0x2029;
  const bool turns_direction =
      code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !is_control && !ends_line && !turns_direction;
}

}  // namespace

std::string printable(std::string_view text, std::size_t longest) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    const Character next = first_character(text.substr(at));
    const std::size_t bytes = std::max<std::size_t>(next.bytes, 1);
    if (at + bytes > longest) break;
    const bool as_it_is = next.bytes != 0 && is_printable(next.code);
    for (const char c : text.substr(at, bytes)) {
      const auto byte = static_cast<unsigned char>(c);
      if (as_it_is)
        result += c;
      else
        result += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
    at += bytes;
  }
  return at < text.size() ? result + "..." : result;
}

}  // namespace tegula
