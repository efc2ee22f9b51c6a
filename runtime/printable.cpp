#include "runtime/printable.h"

namespace tegula::runtime {

std::string printable(std::string_view text, std::size_t longest) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      result += c;
    }
  }
  return text.size() > longest ? result + "..." : result;
}

std::string quoted(std::string_view name) {
  return '"' + printable(name) + '"';
}

}  // namespace tegula::runtime
