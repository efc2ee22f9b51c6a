#pragma once
#include <cstdint>
#include <functional>

namespace tegula::runtime {

/// Runs body(0) .. body(count-1) on the process' threads, in any order, and returns when all are done. For work
/// while a program is opened; steps run on an instance's own ThreadTeam. `body` must not throw.
void parallel_for(int64_t count, const std::function<void(int64_t)>& body);

}  // namespace tegula::runtime
