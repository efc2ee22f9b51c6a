#pragma once

namespace tegula::runtime {

/// CPUs that this process may use now: those of its affinity mask. At least 1.
int usable_cpus();

}  // namespace tegula::runtime
