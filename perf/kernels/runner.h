#pragma once
#include <memory>

#include "kernels/gemm/tile_set.h"
#include "perf/kernels/problem.h"
#include "perf/kernels/team.h"

namespace tegula::perf {

/// A problem with kernels generated and operands in memory.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Computes the problem once, cut into blocks as the runtime cuts it for so many threads (peers: on the calling one).
  /// Weights are another copy each time, so that what a network streams from memory once per inference is not measured
  /// from the cache.
  virtual void run(Team& team) = 0;
  virtual double flop() const = 0;

  double generation_seconds = 0;  ///< what making the code took
  double weight_bytes = 0;        ///< that one run reads, packed; 0 where there are no constant weights
};

/// For teams of up to `threads`. kInvalidArgument for a problem that is not understood, kUnsupported for one that no
/// kernel computes.
Result<std::unique_ptr<Runner>> make_runner(const Problem& problem, const jit::CpuFeatures& cpu, int threads = 1);

}  // namespace tegula::perf
