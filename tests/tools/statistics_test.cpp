#include "perf/runbench/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tegula::runbench {
namespace {

TEST(Statistics, TakesPercentilesWithoutInterpolation) {
  std::vector<double> latencies;
  for (int i = 1; i <= 200; ++i) latencies.push_back(i);
  std::shuffle(latencies.begin(), latencies.end(), std::mt19937(1));
  const LatencyStatistics s = statistics_of(latencies);
  EXPECT_EQ(s.count, 200);
  EXPECT_EQ(s.min, 1);
  EXPECT_EQ(s.max, 200);
  EXPECT_DOUBLE_EQ(s.mean, 100.5);
  EXPECT_EQ(s.p50, 101);
  EXPECT_EQ(s.p90, 181);
  EXPECT_EQ(s.p95, 191);
  EXPECT_EQ(s.p99, 199);
  EXPECT_FALSE(s.p99_9.has_value());
  EXPECT_NEAR(s.standard_deviation, 57.73, 0.01);
}

TEST(Statistics, OneRunIsEveryPercentile) {
  const LatencyStatistics s = statistics_of({3});
  EXPECT_EQ(s.p50, 3);
  EXPECT_EQ(s.p99, 3);
  EXPECT_EQ(s.variation(), 0);
}

TEST(Statistics, TellsOneInAThousandOnlyFromEnoughRuns) {
  std::vector<double> latencies(kLeastForP999, 1.0);
  std::fill(latencies.begin(), latencies.begin() + 10, 5.0);
  EXPECT_EQ(statistics_of(latencies).p99_9, 5.0);
  latencies.pop_back();
  EXPECT_FALSE(statistics_of(latencies).p99_9.has_value());
}

}  // namespace
}  // namespace tegula::runbench
