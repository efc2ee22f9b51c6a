#include "compiler/quantize/profile_builder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <vector>

namespace tegula::compiler {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
const std::vector<std::string> kNames = {"x", "y"};

std::vector<float> sample_values(int seed, std::size_t count, bool relu = false) {
  std::mt19937 random(static_cast<uint32_t>(seed));
  std::normal_distribution<float> normal(0, static_cast<float>(1 + seed % 3));
  std::vector<float> values(count);
  for (float& value : values) {
    value = normal(random);
    if (relu && value < 0) value = random() % 2 == 0 ? 0.0f : -0.0f;
  }
  return values;
}

/// The same from the formulas, value by value.
TensorProfile expected(const std::vector<std::vector<float>>& samples, std::size_t channels) {
  TensorProfile tensor;
  tensor.extremes = {kInf, -kInf};
  tensor.channels = {std::vector<float>(channels, kInf), std::vector<float>(channels, -kInf),
                     std::vector<double>(channels, 0), 0};
  for (const std::vector<float>& sample : samples) {
    Range extremes{kInf, -kInf};
    std::vector<double> sums(channels, 0);
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const float v = sample[i];
      ++tensor.count;
      tensor.nan_count += std::isnan(v);
      tensor.inf_count += std::isinf(v);
      if (!std::isfinite(v)) continue;
      extremes = {std::min(extremes.low, v), std::max(extremes.high, v)};
      const std::size_t c = i % channels;
      tensor.channels.min[c] = std::min(tensor.channels.min[c], v);
      tensor.channels.max[c] = std::max(tensor.channels.max[c], v);
      sums[c] += v;
      tensor.histogram.add(std::vector<float>{v});
    }
    tensor.channels.count += static_cast<int64_t>(sample.size() / channels);
    for (std::size_t c = 0; c < channels; ++c) tensor.channels.sum[c] += sums[c];
    tensor.extremes = {std::min(tensor.extremes.low, extremes.low), std::max(tensor.extremes.high, extremes.high)};
    tensor.moving_average.add(extremes, .01);
  }
  return tensor;
}

Profile build(const std::vector<std::vector<float>>& samples, int64_t channels) {
  ProfileBuilder builder(kNames, .01);
  ProfileBuilder::Sample sample(builder);
  for (const std::vector<float>& values : samples) {
    sample.see("x", values.data(), {static_cast<int64_t>(values.size()) / channels, channels});
    sample.data_xxh3 = values.size();
    builder.commit(sample);
  }
  return builder.take();
}

TEST(ProfileBuilder, AddsUpWhatTheFormulasSay) {
  for (const int64_t channels : {1, 3, 16, 100, 6000}) {
    std::vector<std::vector<float>> samples;
    for (int i = 0; i < 4; ++i)
      samples.push_back(sample_values(i,
                                      static_cast<std::size_t>(6000 * (i + 1)) / static_cast<std::size_t>(channels) *
                                          static_cast<std::size_t>(channels),
                                      i % 2 == 1));
    const Profile profile = build(samples, channels);
    EXPECT_EQ(profile.samples, 4);
    ASSERT_EQ(profile.tensors.size(), 1u) << "what was not seen is not there";
    EXPECT_EQ(profile.tensors.at("x"), expected(samples, static_cast<std::size_t>(channels))) << channels;
  }
}

TEST(ProfileBuilder, CountsWhatIsNotFinite) {
  std::vector<std::vector<float>> samples = {
      sample_values(1, 9000), {kNan, kInf, -kInf, kNan, kNan, kNan}, sample_values(2, 9000)};
  samples[0][4500] = kNan;
  samples[0][8999] = -kInf;
  samples[2][0] = kInf;
  const TensorProfile tensor = build(samples, 3).tensors.at("x");
  EXPECT_EQ(tensor.nan_count, 5);
  EXPECT_EQ(tensor.inf_count, 4);
  EXPECT_EQ(tensor.moving_average.samples, 2);
  std::vector<std::vector<float>> finite = {samples[0], samples[2]};
  const TensorProfile want = expected(finite, 3);
  EXPECT_EQ(tensor.histogram, want.histogram);
  EXPECT_EQ(tensor.extremes, want.extremes);
  EXPECT_EQ(tensor.moving_average, want.moving_average);
  EXPECT_EQ(tensor.channels.sum, want.channels.sum);
  EXPECT_EQ(tensor.channels.min, want.channels.min);
}

TEST(ProfileBuilder, ATensorWithoutAFiniteValueHasNoRange) {
  const TensorProfile tensor = build({{kNan, kNan}, {kInf, kNan}}, 2).tensors.at("x");
  EXPECT_EQ(tensor.finite_count(), 0);
  EXPECT_EQ(tensor.moving_average.samples, 0);
}

TEST(ProfileBuilder, ChannelsMustBeTheSameInAllSamples) {
  ProfileBuilder builder(kNames, .01);
  ProfileBuilder::Sample sample(builder);
  const std::vector<float> values = sample_values(1, 12);
  for (const int64_t channels : {4, 3, 4}) {
    sample.see("x", values.data(), {12 / channels, channels});
    sample.see("y", values.data(), {2, 2, 3});
    builder.commit(sample);
  }
  const Profile profile = builder.take();
  EXPECT_TRUE(profile.tensors.at("x").channels.empty());
  EXPECT_EQ(profile.tensors.at("x").extremes, profile.tensors.at("y").extremes);
  EXPECT_EQ(profile.tensors.at("y").channels.size(), 3u);
  EXPECT_EQ(profile.tensors.at("y").channels.count, 12);
}

TEST(ProfileBuilder, ScalarsAndLongRowsHaveNoChannels) {
  ProfileBuilder builder(kNames, .01);
  ProfileBuilder::Sample sample(builder);
  const std::vector<float> values = sample_values(1, TensorProfile::kMaxChannels + 1);
  sample.see("x", values.data(), {});
  sample.see("y", values.data(), {1, TensorProfile::kMaxChannels + 1});
  builder.commit(sample);
  const Profile profile = builder.take();
  EXPECT_TRUE(profile.tensors.at("x").channels.empty());
  EXPECT_EQ(profile.tensors.at("x").extremes, (Range{values[0], values[0]}));
  EXPECT_TRUE(profile.tensors.at("y").channels.empty());
  EXPECT_EQ(profile.tensors.at("y").count, TensorProfile::kMaxChannels + 1);
  EXPECT_EQ(profile.tensors.at("y").extremes.low, *std::min_element(values.begin(), values.end()));
}

TEST(ProfileBuilder, ThreadsMakeTheSameProfile) {
  constexpr int kSamples = 16;
  std::vector<std::vector<float>> samples;
  for (int i = 0; i < kSamples; ++i) samples.push_back(sample_values(i, 5000));
  const Profile want = build(samples, 5);
  ProfileBuilder builder(kNames, .01);
  std::vector<ProfileBuilder::Sample> seen;
  for (int i = 0; i < kSamples; ++i) seen.emplace_back(builder);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = kSamples - 1 - t; i >= 0; i -= 4) {  // against the order
          const auto at = static_cast<std::size_t>(i);
          seen[at].see("x", samples[at].data(), {1000, 5});
          seen[at].data_xxh3 = samples[at].size();
        }
      });
  }
  for (ProfileBuilder::Sample& sample : seen) builder.commit(sample);
  EXPECT_EQ(builder.take(), want);
}

}  // namespace
}  // namespace tegula::compiler
