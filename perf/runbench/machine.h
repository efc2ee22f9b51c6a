#pragma once
#include <string>
#include <vector>

namespace tegula::runbench {

/// Memory of this process, in MB of 10^6 bytes. PSS counts a page that n processes share as a page / n; -1: not told.
struct ProcessMemory {
  double rss_mb = -1, pss_mb = -1, peak_rss_mb = -1;
};
ProcessMemory process_memory();

/// Where a measurement was made: what one needs to compare it with another.
struct Environment {
  std::string cpu;  ///< "AMD EPYC 9654 96-Core Processor"
  std::string microcode;
  int cpus_online = 0;
  int cpus_allowed = 0;   ///< by the affinity mask of this process
  std::string cpu_quota;  ///< of the control group, such as "2.5 CPUs"; empty: none
  std::string governor;   ///< of the first allowed CPU; empty: not told
  bool hypervisor = false;
  std::string kernel;       ///< "Linux 6.1.0"
  std::string huge_pages;   ///< transparent huge pages: "madvise"
  double load_average = 0;  ///< over the last minute, when the measurement began
  std::string compiler, build_type, commit, version;
};
Environment environment();

/// What makes this measurement hard to repeat, one sentence each.
std::vector<std::string> warnings(const Environment& environment, double latency_variation);

}  // namespace tegula::runbench
