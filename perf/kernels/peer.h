#pragma once
#include <memory>
#include <string>

#include "perf/kernels/runner.h"

namespace tegula::perf {

/// "oneDNN 2.6.3", or "" where the build found none.
std::string peer_name();

/// The problem in oneDNN, on one thread: every layout is the one that it likes best, as far as it may be prepared ahead
/// (weights, and a convolution's source and result), an added tensor is the result's old value (its `sum`), and neither
/// reorders nor creation are part of run(). kUnsupported when there is no peer or it has no such problem.
Result<std::unique_ptr<Runner>> make_peer(const Problem& problem);

}  // namespace tegula::perf
