#pragma once
#include <filesystem>
#include <span>
#include <vector>

namespace tegula::runtime {

/// The CPUs on which the calling thread may run, ascending: its affinity mask, which the kernel keeps inside of the
/// process' cpuset. Empty when the system does not say.
std::vector<int> allowed_cpus();

/// How many threads compute well on `allowed`: one for each core (SMT siblings share the units that multiply), but no
/// more than the whole CPUs of a control group's quota, beyond which every thread is stopped for a part of each period.
/// At least 1. `root` is where /proc and /sys are found.
int default_threads(std::span<const int> allowed, const std::filesystem::path& root = "/");

}  // namespace tegula::runtime
