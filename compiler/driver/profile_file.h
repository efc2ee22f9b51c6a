#pragma once
#include <filesystem>

#include "compiler/quantize/profile.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// Calibration profiles as JSON: every number that the profile holds, exactly. compiler/quantize/README.md has the
/// form.

/// Writes to a temporary file beside `path`, renamed over it when complete.
Status write_profile(const std::filesystem::path& path, const compiler::Profile& profile);

/// kInvalidFile in one line: what is wrong in which tensor. Nothing in a file is trusted.
Result<compiler::Profile> read_profile(const std::filesystem::path& path);

/// kInvalidArgument unless `profile`, read from `path`, is of the model with this hash.
Status check_profile_model(const compiler::Profile& profile, const std::filesystem::path& path, uint64_t model_xxh3);

}  // namespace tegula::driver
