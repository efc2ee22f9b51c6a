#include "runtime/threading/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace tegula::runtime {

int usable_cpus() {
  // Masks of machines with more CPUs than cpu_set_t holds need a larger set; the call fails until it is large enough.
  for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE * 64; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace tegula::runtime
