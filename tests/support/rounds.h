#pragma once
#include <cstdlib>

namespace tegula::test {

/// How often a test with random cases repeats: `usual`, times TEGULA_ROUNDS_FACTOR (the long runs set it).
inline int rounds(int usual) {
  const char* factor = std::getenv("TEGULA_ROUNDS_FACTOR");
  return factor == nullptr ? usual : usual * std::atoi(factor);
}

}  // namespace tegula::test
