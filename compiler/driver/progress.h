#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tegula::driver {

/// How far a long job is: a bar on a terminal, on stderr, redrawn at most ten times a second and removed at the end;
/// elsewhere one line per job. Nothing for jobs that end within half a second.
class Progress {
 public:
  explicit Progress(std::string job);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of `total` of the stage that the job is in ("" for a job of one stage) are over.
  void show(std::string_view stage, int64_t done, int64_t total);

 private:
  using Clock = std::chrono::steady_clock;

  void draw(int64_t done, int64_t total, double stage_seconds);

  std::string job_, stage_;
  bool is_terminal_, shown_ = false;
  Clock::time_point start_, stage_start_, drawn_;
};

}  // namespace tegula::driver
