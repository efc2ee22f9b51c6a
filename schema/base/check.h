#pragma once
#include <stdexcept>
#include <string>

namespace tegula {

/// Thrown by a failed TEGULA_CHECK: a bug of ours, never a user's, a model's or a file's doing.
/// The public entry points turn it into ErrorCode::kInternal.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] inline void fail_check(const char* condition, const char* why, const char* file, int line) {
  throw InternalError(std::string(file) + ":" + std::to_string(line) + ": " + condition + ": " + why);
}

}  // namespace tegula

/// For what only a bug can cause, with the sentence that explains it.
#define TEGULA_CHECK(condition, why) \
  ((condition) ? static_cast<void>(0) : ::tegula::fail_check(#condition, why, __FILE__, __LINE__))
