#pragma once
#include <filesystem>
#include <optional>

namespace tegula::runtime {

/// The CPU time that control groups grant this process, in CPUs (1.5: 150 ms in 100 ms): the smallest quota of its
/// groups and their parents, of version 1 or 2 or both, as far as they are mounted. nullopt: no limit. `root` is where
/// /proc and the mounts are found.
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& root = "/");

}  // namespace tegula::runtime
