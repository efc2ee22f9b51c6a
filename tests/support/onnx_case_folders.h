#pragma once
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/test_data.h"

namespace tegula::test {

/// The folders with a model.onnx below `roots` whose names contain `filter`, sorted. A root that is no folder by itself
/// is one below TEGULA_TEST_DATA. nullopt, and a line that says so, where a root is missing: the cases are skipped.
inline std::optional<std::vector<std::filesystem::path>> onnx_case_folders(
    const std::vector<std::filesystem::path>& roots, const std::string& filter) {
  namespace fs = std::filesystem;
  std::vector<fs::path> cases;
  for (const fs::path& root : roots) {
    const auto folder = fs::is_directory(root) ? std::optional(root) : test_data(root);
    if (!folder) {
      std::printf("skipped: no test data in %s (set TEGULA_TEST_DATA)\n", root.c_str());
      return std::nullopt;
    }
    for (const auto& entry : fs::directory_iterator(*folder))
      if (fs::exists(entry.path() / "model.onnx") && entry.path().filename().string().find(filter) != std::string::npos)
        cases.push_back(entry.path());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

}  // namespace tegula::test
