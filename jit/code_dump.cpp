#include "jit/code_dump.h"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <string>

namespace tegula::jit {

void dump_code(std::string_view name, std::span<const uint8_t> code) {
  const char* folder = std::getenv("TEGULA_DUMP_CODE");
  if (folder == nullptr || *folder == '\0') return;
  constexpr std::size_t kLongestName = 200;  // file systems allow 255 bytes
  std::string file(name.substr(0, kLongestName));
  for (char& c : file)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-' && c != '.') c = '_';
  std::ofstream out(std::string(folder) + "/" + file + ".bin", std::ios::binary);
  out.write(reinterpret_cast<const char*>(code.data()), static_cast<std::streamsize>(code.size()));
}

}  // namespace tegula::jit
