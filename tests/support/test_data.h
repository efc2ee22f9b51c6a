#pragma once
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace tegula::test {

/// A file or folder below TEGULA_TEST_DATA (tests/run.sh sets it to ../shared/data beside the checkout when that
/// exists); nullopt when it is not there. Tests then skip:
///   const auto models = test_data("models");
///   if (!models) GTEST_SKIP() << "no test data";
inline std::optional<std::filesystem::path> test_data(const std::filesystem::path& name) {
  const char* root = std::getenv("TEGULA_TEST_DATA");
  if (root == nullptr || *root == '\0') return std::nullopt;
  const auto path = std::filesystem::path(root) / name;
  return std::filesystem::exists(path) ? std::optional(path) : std::nullopt;
}

}  // namespace tegula::test
