#include "compiler/driver/console.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace tegula::driver {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kBarWidth = 30;

}  // namespace

ExitCode fail(const Error& error) {
  const bool is_ours = error.code == ErrorCode::kInternal;
  std::fprintf(stderr, "aotc: error: %s%s\n", error.message.c_str(),
               is_ours ? " (a bug of aotc: please report it with the model)" : "");
  return error.code == ErrorCode::kOutOfMemory ? ExitCode::kMachineLacks : ExitCode::kBadInput;
}

ExitCode usage_error(std::string_view message) {
  std::fprintf(stderr, "aotc: error: %.*s\n", static_cast<int>(message.size()), message.data());
  return ExitCode::kBadInput;
}

Progress::Progress(std::string what, int64_t total)
    : what_(std::move(what)),
      total_(std::max<int64_t>(total, 1)),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      drawn_(start_) {}

Progress::~Progress() {
  if (shown_ && is_terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(int64_t count) {
  done_ += count;
  const auto now = Clock::now();
  if (now - start_ < std::chrono::milliseconds(500)) return;
  if (!is_terminal_) {
    if (!shown_) std::fprintf(stderr, "%s ...\n", what_.c_str());
    shown_ = true;
  } else if (!shown_ || now - drawn_ >= std::chrono::milliseconds(100)) {
    drawn_ = now;
    draw();
  }
}

void Progress::draw() {
  shown_ = true;
  const int filled = static_cast<int>(std::min(done_, total_) * kBarWidth / total_);
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double left =
      done_ > 0 ? seconds / static_cast<double>(done_) * static_cast<double>(std::max<int64_t>(0, total_ - done_)) : 0;
  const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                          std::string(static_cast<std::size_t>(kBarWidth - filled), ' ');
  std::fprintf(stderr, "\r\033[K%s [%s] %lld/%lld, %.0f s left", what_.c_str(), bar.c_str(),
               static_cast<long long>(done_), static_cast<long long>(total_), left);
  std::fflush(stderr);
}

}  // namespace tegula::driver
