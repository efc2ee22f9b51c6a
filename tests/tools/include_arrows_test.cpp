// Who may include whom: the arrows between folders that README.md draws. A new arrow is a design decision; it belongs
// into the table below together with its reason, not into an exception.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tegula {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = TEGULA_SOURCE_DIR;

/// Files below `folder` may include our own headers only from `may_include`, and the first matching row counts. Public
/// headers of the runtime are spelled "tegula/...".
struct FolderRule {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};

const std::vector<FolderRule> kRules = {
    {"schema/base/", {"schema/base/"}},
    {"schema/", {"schema/"}},
    {"jit/", {"jit/", "schema/base/"}},
    {"kernels/", {"kernels/", "jit/", "schema/"}},
    {"compiler/data/", {"compiler/data/", "kernels/", "schema/"}},
    {"compiler/driver/", {"compiler/", "kernels/", "schema/", "tegula/"}},
    {"compiler/", {"compiler/", "kernels/", "schema/"}},
    {"runtime/include/", {"tegula/", "schema/base/"}},
    {"runtime/", {"runtime/", "tegula/", "kernels/", "jit/", "schema/"}},
    {"samples/", {"tegula/"}},
};

/// Headers of a dependency, by how their names start, and the folders that may see them.
struct DependencyRule {
  std::vector<std::string_view> headers;
  std::vector<std::string_view> folders;
};

const std::vector<DependencyRule> kDependencies = {
    {{"xbyak/"}, {"jit/", "kernels/", "tests/", "perf/"}},
    {{"tbb/", "oneapi/tbb"}, {"runtime/threading/", "tests/"}},
    {{"hwloc"}, {"runtime/threading/", "tests/"}},
    {{"google/protobuf/", "onnx/"}, {"compiler/importer/", "tests/"}},
    {{"zip.h", "turbojpeg.h", "png.h"}, {"compiler/data/", "tests/"}},
    {{"CLI/"}, {"compiler/driver/", "perf/", "tests/"}},
    {{"nlohmann/"}, {"compiler/driver/", "compiler/writer/", "perf/", "tests/"}},
    {{"yaml-cpp/"}, {"compiler/driver/", "tests/"}},
};

struct Include {
  std::string header;
  bool is_ours = false;  ///< "..." rather than <...>
  int line = 0;
};

std::vector<Include> includes_of(const fs::path& file) {
  std::vector<Include> includes;
  std::ifstream stream(file);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    const std::size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const std::size_t word = line.find("include", hash);
    const std::size_t open = line.find_first_of("\"<", hash);
    if (word == std::string::npos || open == std::string::npos) continue;
    const std::size_t close = line.find_first_of("\">", open + 1);
    if (close == std::string::npos) continue;
    includes.push_back({line.substr(open + 1, close - open - 1), line[open] == '"', number});
  }
  return includes;
}

/// All sources, by their path from the root.
const std::map<std::string, std::vector<Include>>& sources() {
  static const auto all = [] {
    std::map<std::string, std::vector<Include>> files;
    for (const char* top : {"schema", "jit", "kernels", "compiler", "runtime", "perf", "samples", "tests"}) {
      if (!fs::exists(kRoot / top)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
        const std::string suffix = entry.path().extension().string();
        if (suffix == ".h" || suffix == ".cpp" || suffix == ".inc")
          files[fs::relative(entry.path(), kRoot).generic_string()] = includes_of(entry.path());
      }
    }
    return files;
  }();
  return all;
}

bool starts_with_any(std::string_view text, const std::vector<std::string_view>& starts) {
  return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return text.starts_with(start); });
}

TEST(IncludeArrows, FoldersIncludeOnlyWhatTheyMay) {
  ASSERT_GT(sources().size(), 20u);
  for (const auto& [file, includes] : sources()) {
    const auto rule =
        std::find_if(kRules.begin(), kRules.end(), [&](const FolderRule& r) { return file.starts_with(r.folder); });
    if (rule == kRules.end()) continue;  // tests and perf may see everything
    for (const Include& include : includes) {
      if (!include.is_ours && !include.header.starts_with("tegula/")) continue;
      EXPECT_TRUE(starts_with_any(include.header, rule->may_include))
          << file << ":" << include.line << ": " << rule->folder << " must not include " << include.header;
    }
  }
}

TEST(IncludeArrows, DependenciesStayWhereTheyBelong) {
  for (const auto& [file, includes] : sources())
    for (const Include& include : includes)
      for (const DependencyRule& rule : kDependencies)
        if (!include.is_ours && starts_with_any(include.header, rule.headers)) {
          EXPECT_TRUE(starts_with_any(file, rule.folders))
              << file << ":" << include.line << ": includes <" << include.header << ">";
        }
}

/// The compiler packs weights and folds constants on machines that need not run the kernels: what it includes of
/// kernels/ must not lead to jit/, not even through other headers.
TEST(IncludeArrows, TheCompilerNeverReachesTheJit) {
  std::map<std::string, bool> reaches;  // false while a header is being looked at: a cycle brings nothing new
  const auto reach = [&](const auto& self, const std::string& file) -> bool {
    const auto [entry, is_new] = reaches.try_emplace(file, false);
    if (!is_new) return entry->second;
    const auto found = sources().find(file);
    if (found == sources().end()) return false;
    bool result = file.starts_with("jit/");
    for (const Include& include : found->second)
      if (include.is_ours || include.header.starts_with("xbyak/"))
        result = result || include.header.starts_with("xbyak/") || self(self, include.header);
    return reaches[file] = result;
  };
  for (const auto& [file, includes] : sources())
    if (file.starts_with("compiler/"))
      for (const Include& include : includes)
        if (include.is_ours) {
          EXPECT_FALSE(reach(reach, include.header))
              << file << ":" << include.line << ": " << include.header << " leads to jit/";
        }
}

}  // namespace
}  // namespace tegula
