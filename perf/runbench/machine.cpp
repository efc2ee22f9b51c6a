#include "perf/runbench/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "commit.h"
#include "runtime/threading/cgroup_quota.h"
#include "runtime/threading/cpu_count.h"
#include "schema/base/result.h"

namespace tegula::runbench {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The value behind "key" and a colon in files such as /proc/cpuinfo; empty when there is none.
std::string field(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.find_first_not_of(" \t", key.size()) != colon) continue;
    const std::size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

/// "123 kB" in MB of 10^6 bytes.
double megabytes(const std::string& kilobytes) {
  return kilobytes.empty() ? -1 : std::strtod(kilobytes.c_str(), nullptr) * 1024 / 1e6;
}

/// The chosen one of "always [madvise] never".
std::string huge_pages() {
  const std::string line = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::size_t open = line.find('['), close = line.find(']');
  return open == std::string::npos || close == std::string::npos ? "" : line.substr(open + 1, close - open - 1);
}

}  // namespace

ProcessMemory process_memory() {
  ProcessMemory memory;
  memory.rss_mb = megabytes(field("/proc/self/status", "VmRSS"));
  memory.peak_rss_mb = megabytes(field("/proc/self/status", "VmHWM"));
  memory.pss_mb = megabytes(field("/proc/self/smaps_rollup", "Pss"));
  return memory;
}

Environment environment() {
  Environment result;
  result.cpu = field("/proc/cpuinfo", "model name");
  result.microcode = field("/proc/cpuinfo", "microcode");
  result.hypervisor = concat(" ", field("/proc/cpuinfo", "flags"), " ").find(" hypervisor ") != std::string::npos;
  result.cpus_online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  const std::vector<int> allowed = runtime::allowed_cpus();
  result.cpus_allowed = allowed.empty() ? result.cpus_online : static_cast<int>(allowed.size());
  if (!allowed.empty())
    result.governor = first_line(concat("/sys/devices/system/cpu/cpu", allowed.front(), "/cpufreq/scaling_governor"));
  if (const auto quota = runtime::cgroup_cpu_quota()) result.cpu_quota = concat(*quota, " CPUs");
  utsname name{};
  if (::uname(&name) == 0)
    result.kernel = concat(static_cast<const char*>(name.sysname), " ", static_cast<const char*>(name.release));
  result.huge_pages = huge_pages();
  std::array<double, 1> load{};
  if (::getloadavg(load.data(), 1) == 1) result.load_average = load[0];
#if defined(__clang__)
  result.compiler = concat("clang ", __clang_major__, ".", __clang_minor__);
#else
  result.compiler = concat("gcc ", __GNUC__, ".", __GNUC_MINOR__);
#endif
  result.build_type = TEGULA_BUILD_TYPE;
  result.commit = TEGULA_COMMIT;
  result.version = TEGULA_VERSION;
  return result;
}

std::vector<std::string> warnings(const Environment& environment, double latency_variation) {
  std::vector<std::string> result;
  if (!environment.governor.empty() && environment.governor != "performance")
    result.push_back(
        concat("the CPU governor is '", environment.governor, "', not 'performance': clocks change while measuring"));
  if (environment.load_average > 0.5 + 0.1 * environment.cpus_allowed)
    result.push_back(concat("other work is running: the load average was ", environment.load_average, " at the start"));
  if (!environment.cpu_quota.empty())
    result.push_back(concat("a control group limits this process to ", environment.cpu_quota));
  if (latency_variation > 0.1)
    result.push_back(concat("latencies vary by ", static_cast<int>(latency_variation * 100),
                            " % of their mean: measure longer, or on a quieter machine"));
  if (environment.build_type != "Release") result.push_back(concat("this is a ", environment.build_type, " build"));
  return result;
}

}  // namespace tegula::runbench
