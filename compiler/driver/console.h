#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace tegula::driver {

/// What a command ends with; README.md explains them to users.
enum class ExitCode : int {
  kSuccess = 0,
  kFellShort = 1,     ///< what was measured or verified did not reach its bar
  kBadInput = 2,      ///< wrong usage, wrong input, or a model that is not supported
  kMachineLacks = 3,  ///< this machine lacks what was asked for
};

/// Prints "aotc: error: <message>" to stderr and returns the code that belongs to the error.
ExitCode fail(const Error& error);
ExitCode usage_error(std::string_view message);

/// How far a long job is: a bar on a terminal, on stderr, redrawn at most ten times a second and removed at the end;
/// elsewhere one line per job. Nothing for jobs that end within half a second.
class Progress {
 public:
  Progress(std::string what, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(int64_t count = 1);

 private:
  void draw();

  std::string what_;
  int64_t total_, done_ = 0;
  bool is_terminal_, shown_ = false;
  std::chrono::steady_clock::time_point start_, drawn_;
};

}  // namespace tegula::driver
