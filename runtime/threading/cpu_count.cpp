#include "runtime/threading/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "runtime/threading/cgroup_quota.h"

namespace tegula::runtime {

std::vector<int> allowed_cpus() {
  std::vector<int> allowed;
  // Masks of machines with more CPUs than cpu_set_t holds need a larger set; the call fails until it is large enough.
  for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE * 64 && allowed.empty(); cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    if (sched_getaffinity(0, bytes, set) == 0)
      for (int cpu = 0; cpu < cpus; ++cpu)
        if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set)) allowed.push_back(cpu);
    CPU_FREE(set);
  }
  return allowed;
}

int default_threads(std::span<const int> allowed, const std::filesystem::path& root) {
  std::set<std::string> cores;  // each as the list of its CPUs; a CPU without one is a core of its own
  for (const int cpu : allowed) {
    const std::string name = "cpu" + std::to_string(cpu);
    std::ifstream file(root / "sys/devices/system/cpu" / name / "topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) && !siblings.empty() ? siblings : name);
  }
  int threads = static_cast<int>(cores.size());
  if (threads == 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  if (const auto quota = cgroup_cpu_quota(root)) threads = static_cast<int>(std::min<double>(threads, *quota));
  return std::max(1, threads);
}

}  // namespace tegula::runtime
