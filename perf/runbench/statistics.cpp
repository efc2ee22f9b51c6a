#include "perf/runbench/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "schema/base/check.h"

namespace tegula::runbench {

LatencyStatistics statistics_of(std::vector<double> latencies) {
  TEGULA_CHECK(!latencies.empty(), "there is at least one latency");
  std::sort(latencies.begin(), latencies.end());
  const auto n = static_cast<double>(latencies.size());
  const auto percentile = [&](double p) {
    return latencies[std::min(latencies.size() - 1, static_cast<std::size_t>(n * p))];
  };
  LatencyStatistics result;
  result.count = static_cast<int64_t>(latencies.size());
  result.min = latencies.front();
  result.max = latencies.back();
  result.mean = std::accumulate(latencies.begin(), latencies.end(), 0.0) / n;
  double squares = 0;
  for (const double latency : latencies) squares += (latency - result.mean) * (latency - result.mean);
  result.standard_deviation = std::sqrt(squares / n);
  result.p50 = percentile(0.5);
  result.p90 = percentile(0.9);
  result.p95 = percentile(0.95);
  result.p99 = percentile(0.99);
  if (result.count >= kLeastForP999) result.p99_9 = percentile(0.999);
  return result;
}

}  // namespace tegula::runbench
