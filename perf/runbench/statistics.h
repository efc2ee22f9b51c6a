#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tegula::runbench {

/// What a series of latencies says. Percentile p is the element at index floor(n * p) of the sorted series, without
/// interpolation, as MLPerf's LoadGen has it.
struct LatencyStatistics {
  int64_t count = 0;
  double mean = 0, min = 0, max = 0, standard_deviation = 0;
  double p50 = 0, p90 = 0, p95 = 0, p99 = 0;
  /// Absent below kLeastForP999 runs: fewer say nothing about one in a thousand.
  std::optional<double> p99_9;

  /// Standard deviation over mean.
  double variation() const { return mean > 0 ? standard_deviation / mean : 0; }
};

/// Runs from which the 99.9th percentile can be told with 99 % confidence when one run may lie above it: LoadGen's
/// early-stopping rule, P[Binomial(h + 1, 0.001) <= 1] <= 0.01.
inline constexpr int64_t kLeastForP999 = 6636;

/// Of at least one latency, in any order.
LatencyStatistics statistics_of(std::vector<double> latencies);

}  // namespace tegula::runbench
