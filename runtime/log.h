#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::runtime {

/// Where a program's messages go: the user's callback, or nowhere. Safe for concurrent calls as far as the callback is.
/// What the callback throws is dropped: a log that fails makes no call fail.
class Log {
 public:
  explicit Log(LogCallback callback) : callback_(std::move(callback)) {}

  explicit operator bool() const { return static_cast<bool>(callback_); }

  template <typename... Parts>
  void info(const Parts&... parts) const {
    if (callback_) write(LogLevel::kInfo, concat(parts...));
  }
  template <typename... Parts>
  void warning(const Parts&... parts) const {
    if (callback_) write(LogLevel::kWarning, concat(parts...));
  }

  /// Passes a Result on; an error is shown on the way.
  template <typename R>
  R checked(R result) const {
    if (callback_ && !result.ok()) write(LogLevel::kError, result.error().message);
    return result;
  }

 private:
  void write(LogLevel level, const std::string& line) const {
    try {
      callback_(level, line);
    } catch (...) {
    }
  }

  LogCallback callback_;
};

/// Times what a message is about.
class Stopwatch {
 public:
  /// "1.25 ms" since it was made.
  std::string text() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// "12.34 MB" (10^6 bytes).
std::string megabytes(uint64_t bytes);
/// "1.25 ms".
std::string milliseconds(std::chrono::nanoseconds time);

}  // namespace tegula::runtime
