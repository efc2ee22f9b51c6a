#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/data/tensor_data.h"
#include "schema/base/result.h"

namespace tegula::data {

// Words of errors about data sets.

inline Error invalid(ErrorCode code, const std::filesystem::path& path, std::string_view why) {
  return {code, concat(in_quotes(path.native()), ": ", why)};
}

/// "'a', 'b'"
inline std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + in_quotes(name);
  return text;
}

}  // namespace tegula::data
