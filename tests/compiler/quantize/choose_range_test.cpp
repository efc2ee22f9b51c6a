#include "compiler/quantize/choose_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace tegula::compiler {
namespace {

using testing::HasSubstr;

TensorProfile profile_of(const std::vector<float>& values) {
  TensorProfile tensor;
  tensor.count = static_cast<int64_t>(values.size());
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  tensor.extremes = {*low, *high};
  tensor.moving_average.add(tensor.extremes, .01);
  tensor.histogram.add(values);
  return tensor;
}

Range range_of(const TensorProfile& tensor, RangeAlgorithm algorithm, bool symmetric = false) {
  const Result<Range> range = choose_range(tensor, {.algorithm = algorithm, .symmetric = symmetric});
  EXPECT_TRUE(range.ok());
  return *range;
}

std::vector<float> normal(int count, bool relu = false) {
  std::mt19937 random(3);
  std::normal_distribution<float> distribution;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = relu ? std::max(distribution(random), 0.0f) : distribution(random);
  return values;
}

/// Mean squared error of u8 with this range, from the values themselves.
double mean_squared_error(const std::vector<float>& values, Range range, bool symmetric) {
  double low = std::min(0.0, static_cast<double>(range.low)), high = std::max(0.0, static_cast<double>(range.high));
  if (symmetric) high = std::max(high, -low), low = -high;
  const double scale = (high - low) / 255, lowest = std::nearbyint(low / scale);
  double sum = 0;
  for (const float x : values) {
    const double error = x - scale * std::clamp(std::nearbyint(x / scale), lowest, lowest + 255);
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

TEST(ChooseRange, MinMaxAndMovingAverageAreAsSeen) {
  TensorProfile tensor = profile_of({-1.25f, 0, 7.75f});
  EXPECT_EQ(range_of(tensor, RangeAlgorithm::kMinMax), (Range{-1.25f, 7.75f}));
  tensor.moving_average.add({-2.25f, 8.75f}, .5);
  EXPECT_EQ(range_of(tensor, RangeAlgorithm::kMovingAverage), (Range{-1.75f, 8.25f}));
}

TEST(ChooseRange, PercentileCutsHalfOfTheRestOnEitherSide) {
  std::vector<float> values;  // 1..10000 and their negatives, times 0.01
  for (int i = 1; i <= 10000; ++i)
    values.insert(values.end(), {.01f * static_cast<float>(i), -.02f * static_cast<float>(i)});
  const TensorProfile tensor = profile_of(values);
  const Result<Range> range = choose_range(tensor, {.algorithm = RangeAlgorithm::kPercentile, .percentile = 99});
  ASSERT_TRUE(range.ok());
  const double width = tensor.histogram.width();
  EXPECT_NEAR(range->high, 99, width);  // 100 of 20000 values lie above
  EXPECT_NEAR(range->low, -198, width);
  EXPECT_EQ(*choose_range(tensor, {.algorithm = RangeAlgorithm::kPercentile, .percentile = 100}), tensor.extremes);
}

TEST(ChooseRange, PercentileCrossesZeroWhereASideIsThin) {
  std::vector<float> values(100000, 0.0f);
  values[0] = -5;  // fewer than are cut
  for (std::size_t i = 1; i <= 50000; ++i) values[i] = static_cast<float>(i);
  const TensorProfile tensor = profile_of(values);
  const Result<Range> range = choose_range(tensor, {.algorithm = RangeAlgorithm::kPercentile, .percentile = 99.9});
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->low, 0);
  EXPECT_NEAR(range->high, 49950, tensor.histogram.width());

  std::vector<float> positive;
  for (int i = 1; i <= 100000; ++i) positive.push_back(static_cast<float>(i));
  const TensorProfile above = profile_of(positive);
  const Result<Range> inner = choose_range(above, {.algorithm = RangeAlgorithm::kPercentile, .percentile = 90});
  ASSERT_TRUE(inner.ok());
  EXPECT_NEAR(inner->low, 5000, above.histogram.width());
  EXPECT_NEAR(inner->high, 95000, above.histogram.width());
}

TEST(ChooseRange, MseBeatsTheExtremesAndIsNearTheBestClip) {
  for (const bool symmetric : {false, true}) {
    std::vector<float> values = normal(50000);
    for (float& value : values) value = value * value * value;  // heavy tails
    const TensorProfile tensor = profile_of(values);
    const Range range = *choose_range(tensor, {.algorithm = RangeAlgorithm::kMse, .symmetric = symmetric});
    const double error = mean_squared_error(values, range, symmetric);
    EXPECT_LT(error, mean_squared_error(values, tensor.extremes, symmetric));
    double least = error;
    for (int i = 1; i <= 100; ++i) {
      for (int k = 1; k <= (symmetric ? 1 : 100); ++k) {
        const int other = symmetric ? i : k;
        const Range clip{tensor.extremes.low * static_cast<float>(other) / 100,
                         tensor.extremes.high * static_cast<float>(i) / 100};
        if (i % 5 == 0 && (symmetric || k % 5 == 0))
          least = std::min(least, mean_squared_error(values, clip, symmetric));
      }
    }
    EXPECT_LT(error, least * 1.02) << symmetric;
  }
}

TEST(ChooseRange, MseKeepsWhatHasNoTail) {
  std::vector<float> values;
  for (int i = 0; i < 20000; ++i) values.push_back(static_cast<float>(i % 6001) * .001f);
  const Range range = range_of(profile_of(values), RangeAlgorithm::kMse);
  EXPECT_NEAR(range.high, 6, .05);
  EXPECT_EQ(range.low, 0);
}

TEST(ChooseRange, KlClipsAnOutlier) {
  std::vector<float> values = normal(100000);
  values[0] = 40;
  for (const bool symmetric : {false, true}) {
    const Range range = range_of(profile_of(values), RangeAlgorithm::kKl, symmetric);
    EXPECT_LT(range.high, 10) << symmetric;
    EXPECT_GT(range.high, 2.5f) << symmetric;
    EXPECT_GT(range.low, -10) << symmetric;
    EXPECT_LT(range.low, -2.5f) << symmetric;
  }
}

TEST(ChooseRange, KlBehindAReluTakesNoNoticeOfZeros) {
  std::vector<float> values = normal(100000, true);
  values[0] = 40;
  const Range range = range_of(profile_of(values), RangeAlgorithm::kKl);
  EXPECT_EQ(range.low, 0);
  EXPECT_LT(range.high, 10);
  EXPECT_GT(range.high, 2.5f);
  std::vector<float> without_zeros;
  std::copy_if(values.begin(), values.end(), std::back_inserter(without_zeros), [](float v) { return v != 0; });
  EXPECT_EQ(range_of(profile_of(without_zeros), RangeAlgorithm::kKl).high, range.high);
}

TEST(ChooseRange, ConstantTensorsKeepTheirValue) {
  for (const float value : {0.0f, 3.0f, -2.0f}) {
    const TensorProfile tensor = profile_of(std::vector<float>(10, value));
    for (const auto algorithm : {RangeAlgorithm::kMinMax, RangeAlgorithm::kMovingAverage, RangeAlgorithm::kPercentile,
                                 RangeAlgorithm::kKl, RangeAlgorithm::kMse})
      EXPECT_EQ(range_of(tensor, algorithm), (Range{value, value})) << to_string(algorithm) << " of " << value;
  }
}

TEST(ChooseRange, CollectorsAnswerByName) {
  TensorProfile tensor = profile_of({1, 2});
  tensor.collected["mine"] = {-1, 5};
  EXPECT_EQ(*choose_range(tensor, {.algorithm = RangeAlgorithm::kCollector, .collector = "mine"}), (Range{-1, 5}));
  const auto none = choose_range(tensor, {.algorithm = RangeAlgorithm::kCollector, .collector = "other"});
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("'other'"));
}

TEST(ChooseRange, RefusesOptionsAndProfilesThatSayNothing) {
  const TensorProfile tensor = profile_of({1, 2});
  for (const double percentile : {0.0, -1.0, 100.1, std::nan("")})
    EXPECT_FALSE(choose_range(tensor, {.algorithm = RangeAlgorithm::kPercentile, .percentile = percentile}).ok());
  EXPECT_FALSE(choose_range(tensor, {.algorithm = RangeAlgorithm::kMse, .levels = 0}).ok());
  TensorProfile unseen;
  unseen.count = unseen.nan_count = 3;
  EXPECT_FALSE(choose_range(unseen, {}).ok());
}

TEST(ChooseRange, NamesRoundTrip) {
  for (const auto algorithm : {RangeAlgorithm::kMinMax, RangeAlgorithm::kMovingAverage, RangeAlgorithm::kPercentile,
                               RangeAlgorithm::kKl, RangeAlgorithm::kMse})
    EXPECT_EQ(range_algorithm(to_string(algorithm)), algorithm);
  EXPECT_EQ(range_algorithm("entropy"), std::nullopt);
}

}  // namespace
}  // namespace tegula::compiler
