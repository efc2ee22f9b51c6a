#include "compiler/driver/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "schema/base/result.h"

namespace tegula::driver {
namespace {

constexpr int64_t kBarWidth = 30;
constexpr int64_t kMostCounted = 100'000;  // larger totals, bytes as a rule, are shown as percentages

}  // namespace

Progress::Progress(std::string job)
    : job_(std::move(job)),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      stage_start_(start_),
      drawn_(start_) {}

Progress::~Progress() {
  if (shown_ && is_terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::show(std::string_view stage, int64_t done, int64_t total) {
  const auto now = Clock::now();
  if (stage != stage_) {
    stage_ = stage;
    stage_start_ = now;
  }
  if (now - start_ < std::chrono::milliseconds(500)) return;
  if (!is_terminal_) {
    if (!std::exchange(shown_, true)) std::fprintf(stderr, "%s ...\n", job_.c_str());
  } else if (!shown_ || now - drawn_ >= std::chrono::milliseconds(100)) {
    shown_ = true;
    drawn_ = now;
    total = std::max<int64_t>(total, 1);
    draw(std::clamp<int64_t>(done, 0, total), total, std::chrono::duration<double>(now - stage_start_).count());
  }
}

void Progress::draw(int64_t done, int64_t total, double stage_seconds) {
  const double part = static_cast<double>(done) / static_cast<double>(total);
  const auto filled = static_cast<int64_t>(part * static_cast<double>(kBarWidth));
  std::string line = stage_.empty() ? job_ : job_ + ": " + stage_;
  line += " [" + std::string(static_cast<std::size_t>(filled), '#') +
          std::string(static_cast<std::size_t>(kBarWidth - filled), ' ') + "] ";
  line += total > kMostCounted ? concat(static_cast<int>(part * 100), " %") : concat(done, "/", total);
  if (done > 0) line += concat(", ", static_cast<int64_t>(stage_seconds / part - stage_seconds), " s left");
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

}  // namespace tegula::driver
