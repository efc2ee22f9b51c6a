#include "compiler/quantize/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace tegula::compiler {
namespace {

std::vector<float> heavy_tailed(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    value = normal(random);
    if (random() % 5 == 0) value = 0;
    if (random() % 50 == 0) value *= 1000;
  }
  return values;
}

int64_t total(const Histogram& histogram) {
  int64_t sum = histogram.zeros();
  for (const int64_t count : histogram.negative()) sum += count;
  for (const int64_t count : histogram.positive()) sum += count;
  return sum;
}

TEST(Histogram, CountsEachValueInItsBin) {
  Histogram histogram;
  histogram.add(std::vector<float>{4095.5f, 1, 0.5f, -1, -1.5f, -2, 0, -0.0f});
  ASSERT_EQ(histogram.log2_width(), 0);
  EXPECT_EQ(histogram.zeros(), 2);
  ASSERT_EQ(histogram.positive().size(), 4096u);
  EXPECT_EQ(histogram.positive()[0], 1);
  EXPECT_EQ(histogram.positive()[1], 1);
  EXPECT_EQ(histogram.positive()[4095], 1);
  ASSERT_EQ(histogram.negative().size(), 3u);
  EXPECT_EQ(histogram.negative()[0], 0);
  EXPECT_EQ(histogram.negative()[1], 2);  // -1 and -1.5
  EXPECT_EQ(histogram.negative()[2], 1);
}

TEST(Histogram, AValueBeyondTheLastBinMergesPairs) {
  Histogram histogram;
  histogram.add(std::vector<float>{4095, 3, 2, 1, -3});
  histogram.add(std::vector<float>{4096});
  ASSERT_EQ(histogram.log2_width(), 1);
  ASSERT_EQ(histogram.positive().size(), 2049u);
  EXPECT_EQ(histogram.positive()[0], 1);     // 1
  EXPECT_EQ(histogram.positive()[1], 2);     // 2 and 3
  EXPECT_EQ(histogram.positive()[2047], 1);  // 4095
  EXPECT_EQ(histogram.positive()[2048], 1);  // 4096
  EXPECT_EQ(histogram.negative()[1], 1);
}

TEST(Histogram, OrderAndPartitionMakeNoDifference) {
  std::vector<float> values = heavy_tailed(20000, 1);
  values.push_back(1e-30f);
  values.push_back(-3e20f);
  Histogram once;
  once.add(values);
  std::mt19937 random(2);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(values.begin(), values.end(), random);
    std::vector<Histogram> parts(4);
    for (std::size_t at = 0; at < values.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 300, values.size() - at);
      parts[random() % 4].add(std::span(values).subspan(at, size));
      at += size;
    }
    Histogram merged = parts[3];
    for (const int part : {1, 0, 2}) merged.add(parts[static_cast<std::size_t>(part)]);
    EXPECT_EQ(merged, once);
  }
  EXPECT_EQ(total(once), 20002);
}

TEST(Histogram, TheLongerSideUsesHalfOfItsBinsOrMore) {
  for (const float largest : {1.0f, 1.5f, 1e-20f, 7e30f, std::numeric_limits<float>::max()}) {
    Histogram histogram;
    histogram.add(std::vector<float>{largest, -largest / 3});
    EXPECT_GE(histogram.positive().size(), 2048u) << largest;
    EXPECT_LE(histogram.positive().size(), 4096u) << largest;
  }
}

TEST(Histogram, TheEndsOfTheFloatRangeFit) {
  Histogram histogram;
  const float smallest = std::numeric_limits<float>::denorm_min(), largest = std::numeric_limits<float>::max();
  histogram.add(std::vector<float>{smallest, -smallest});
  EXPECT_EQ(histogram.log2_width(), Histogram::kMinLog2Width);
  histogram.add(std::vector<float>{largest, -largest});
  EXPECT_EQ(histogram.log2_width(), Histogram::kMaxLog2Width);
  Histogram other;
  other.add(std::vector<float>{-largest, largest, smallest, -smallest});
  EXPECT_EQ(histogram, other);
  EXPECT_EQ(histogram.negative()[0], 1);
}

TEST(Histogram, NothingIsNothing) {
  Histogram histogram;
  histogram.add(std::vector<float>{});
  EXPECT_EQ(histogram, Histogram{});
  histogram.add(std::vector<float>{0, 0});
  EXPECT_EQ(histogram.zeros(), 2);
  EXPECT_TRUE(histogram.positive().empty());
}

}  // namespace
}  // namespace tegula::compiler
