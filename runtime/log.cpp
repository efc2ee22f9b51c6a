#include "runtime/log.h"

#include <array>
#include <cstdio>

namespace tegula::runtime {
namespace {

std::string with_unit(double value, const char* unit) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", value, unit);
  return text.data();
}

}  // namespace

std::string megabytes(uint64_t bytes) {
  return with_unit(static_cast<double>(bytes) / 1e6, "MB");
}

std::string milliseconds(std::chrono::nanoseconds time) {
  return with_unit(static_cast<double>(time.count()) / 1e6, "ms");
}

std::string Stopwatch::text() const {
  return milliseconds(std::chrono::steady_clock::now() - start_);
}

}  // namespace tegula::runtime
