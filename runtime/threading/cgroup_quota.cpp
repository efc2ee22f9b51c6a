#include "runtime/threading/cgroup_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace tegula::runtime {
namespace {

namespace fs = std::filesystem;

// One mounted hierarchy: `group`, a path inside of the hierarchy, is the folder `point`.
struct Mount {
  std::string group, point;
  bool is_v2 = false;
};

bool lists(std::string_view commas, std::string_view word) {
  while (!commas.empty()) {
    const std::size_t end = commas.find(',');
    if (commas.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    commas.remove_prefix(end + 1);
  }
  return false;
}

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescaped(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// The mounts that hold CPU quotas: of version 2, and of version 1's controller "cpu".
std::vector<Mount> quota_mounts(const fs::path& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // id parent device root mount-point options [optional fields] - type source super-options
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream front(line.substr(0, dash)), back(line.substr(dash + 3));
    std::string id, parent, device, group, point, type, source, options;
    if (!(front >> id >> parent >> device >> group >> point) || !(back >> type >> source >> options)) continue;
    if (type == "cgroup2" || (type == "cgroup" && lists(options, "cpu")))
      mounts.push_back({unescaped(group), unescaped(point), type == "cgroup2"});
  }
  return mounts;
}

// This process' group in the hierarchies of version 2 ("0::/path") or of version 1's "cpu" ("3:cpu,cpuacct:/path").
std::optional<std::string> own_group(const fs::path& root, bool is_v2) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (is_v2 ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Whole numbers are all that the kernel writes beside "max"; anything else means no limit.
std::optional<double> quota_in(const fs::path& folder, bool is_v2) {
  double quota = 0, period = 0;
  if (is_v2) {
    std::ifstream file(folder / "cpu.max");
    if (!(file >> quota >> period)) return std::nullopt;
  } else {
    std::ifstream quota_file(folder / "cpu.cfs_quota_us"), period_file(folder / "cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  }
  return quota > 0 && period > 0 ? std::optional(quota / period) : std::nullopt;
}

// The group's path below the mount; empty where the mount shows only a part of the hierarchy that the group is not in
// (a container that sees its own group as the mount, under the host's name).
fs::path below(const Mount& mount, const std::string& group) {
  const fs::path relative = fs::path(group).lexically_relative(mount.group);
  if (relative.empty() || relative == "." || *relative.begin() == "..") return {};
  return relative;
}

}  // namespace

std::optional<double> cgroup_cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const Mount& mount : quota_mounts(root)) {
    const auto group = own_group(root, mount.is_v2);
    if (!group) continue;
    const fs::path top = root / fs::path(mount.point).relative_path();
    fs::path path = below(mount, *group);
    while (true) {
      const auto quota = quota_in(path.empty() ? top : top / path, mount.is_v2);
      if (quota) least = std::min(*quota, least.value_or(*quota));
      if (path.empty()) break;
      path = path.parent_path();
    }
  }
  return least;
}

}  // namespace tegula::runtime
