#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

namespace tegula::test {

/// One message: a line without control characters. Lists of what is unsupported go on in lines that are indented.
inline bool is_printable_message(std::string_view message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto byte = static_cast<unsigned char>(message[i]);
    const bool continues = byte == '\n' && message.substr(i + 1, 2) == "  ";
    if ((byte < 0x20 && !continues) || byte == 0x7f) return false;
  }
  return !message.empty();
}

/// Damages bytes the way transfers, disks and attackers do, the same way for the same seed.
class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_()) % count; }

  /// One to four changes: bits, bytes, words, parts cut out, doubled or moved, the end cut off.
  std::string damaged(std::string bytes) {
    for (std::size_t changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) change(bytes);
    return bytes;
  }

  /// The same for text: pieces of the text itself and `tokens` take the place of others.
  template <typename Tokens>
  std::string damaged_text(std::string text, const Tokens& tokens) {
    for (std::size_t changes = 1 + below(3); changes > 0 && !text.empty(); --changes) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0: text.replace(at, below(6), tokens[below(std::size(tokens))]); break;
        case 1: text.insert(at, text.substr(below(text.size()), below(40))); break;
        case 2: text.erase(at, 1 + below(10)); break;
        default: change(text);
      }
    }
    return text;
  }

 private:
  void change(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    switch (below(8)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
      case 1: bytes[at] = static_cast<char>(random_()); break;
      case 2: bytes.resize(at); break;
      case 3: bytes.erase(at, 1 + below(8)); break;
      case 4: bytes.insert(at, bytes.substr(below(bytes.size()), below(64))); break;
      case 5: bytes.insert(at, 1 + below(4), static_cast<char>(random_())); break;
      case 6: {  // a small change to a number
        bytes[at] = static_cast<char>(bytes[at] + static_cast<int>(below(5)) - 2);
        break;
      }
      default: {
        constexpr uint64_t kNumbers[] = {0,          1,          0x7f,       0x80,      0xff,
                                         0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, UINT64_MAX};
        const std::size_t size = std::min<std::size_t>(std::size_t{1} << below(4), bytes.size() - at);
        std::memcpy(bytes.data() + at, &kNumbers[below(std::size(kNumbers))], size);
      }
    }
  }

  std::mt19937 random_;
};

}  // namespace tegula::test
