#include "compiler/driver/console.h"

#include <cstdio>

namespace tegula::driver {
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

}  // namespace tegula::driver
