#pragma once
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

}  // namespace tegula::driver
