#include "compiler/quantize/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tegula::compiler {
namespace {

using testing::HasSubstr;

/// One tensor "x" with these values, all of one sample, in two channels.
Profile profile_of(const std::vector<float>& values) {
  Profile profile;
  profile.model = "m.onnx";
  profile.model_xxh3 = 1;
  profile.data_xxh3 = static_cast<uint64_t>(values.size());
  profile.samples = 1;
  TensorProfile& x = profile.tensors["x"];
  x.count = static_cast<int64_t>(values.size());
  if (values.empty()) return profile;
  x.extremes = {values[0], values[0]};
  x.channels = {{1e30f, 1e30f}, {-1e30f, -1e30f}, {0, 0}, x.count / 2};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float v = values[i];
    x.extremes = {std::min(x.extremes.low, v), std::max(x.extremes.high, v)};
    x.channels.min[i % 2] = std::min(x.channels.min[i % 2], v);
    x.channels.max[i % 2] = std::max(x.channels.max[i % 2], v);
    x.channels.sum[i % 2] += v;
  }
  x.histogram.add(values);
  x.moving_average.add(x.extremes, profile.averaging_constant);
  return profile;
}

TEST(MovingAverage, FollowsItsFormula) {
  MovingAverage average;
  average.add({-1, 4}, .25);
  EXPECT_EQ(average.low, -1);
  EXPECT_EQ(average.high, 4);
  average.add({-3, 8}, .25);
  EXPECT_EQ(average.low, -1.5);
  EXPECT_EQ(average.high, 5);
  EXPECT_EQ(average.samples, 2);
}

TEST(MovingAverage, AppendingIsAveragingInOneRun) {
  const std::vector<Range> samples = {{-1, 4}, {-3, 8}, {-2, 2}, {-7, 1}, {0, 16}};
  MovingAverage all, first, second;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    all.add(samples[i], .01);
    (i < 2 ? first : second).add(samples[i], .01);
  }
  first.append(second, .01);
  EXPECT_NEAR(first.low, all.low, 1e-14);
  EXPECT_NEAR(first.high, all.high, 1e-14);
  EXPECT_EQ(first.first_high, 4);
  EXPECT_EQ(first.samples, 5);
  MovingAverage none;
  none.append(all, .01);
  EXPECT_EQ(none, all);
}

TEST(MergeProfiles, AddsWhatTheOtherHasSeen) {
  Profile profile = profile_of({1, -2, 3, 0});
  ASSERT_TRUE(merge(profile, profile_of({5, 1, -1, 7})).ok());
  const Profile both = profile_of({1, -2, 3, 0, 5, 1, -1, 7});
  const TensorProfile& x = profile.tensors["x"];
  const TensorProfile& want = both.tensors.find("x")->second;
  EXPECT_EQ(profile.samples, 2);
  EXPECT_EQ(x.count, 8);
  EXPECT_EQ(x.extremes, want.extremes);
  EXPECT_EQ(x.histogram, want.histogram);
  EXPECT_EQ(x.channels, want.channels);
  EXPECT_DOUBLE_EQ(x.moving_average.high, 3 + .01 * (7 - 3));
}

TEST(MergeProfiles, OrderOfRunsShowsInTheDataHash) {
  Profile ab = profile_of({1, 2}), ba = profile_of({1, 2, 3, 4});
  ASSERT_TRUE(merge(ab, profile_of({1, 2, 3, 4})).ok());
  ASSERT_TRUE(merge(ba, profile_of({1, 2})).ok());
  EXPECT_NE(ab.data_xxh3, ba.data_xxh3);
}

TEST(MergeProfiles, AnUnseenTensorTakesTheOthersProfile) {
  Profile profile = profile_of({});
  ASSERT_TRUE(merge(profile, profile_of({4, 5})).ok());
  EXPECT_EQ(profile.tensors["x"], profile_of({4, 5}).tensors["x"]);
}

TEST(MergeProfiles, ChannelsThatDifferAreDropped) {
  Profile profile = profile_of({1, 2}), other = profile_of({3, 4});
  other.tensors["x"].channels = {{1}, {2}, {3}, 2};
  ASSERT_TRUE(merge(profile, other).ok());
  EXPECT_TRUE(profile.tensors["x"].channels.empty());
}

TEST(MergeProfiles, RefusesWhatDoesNotBelongTogether) {
  const auto error_with = [](const auto& change) {
    Profile profile = profile_of({1, 2}), other = profile_of({3, 4});
    change(other);
    const Profile before = profile;
    const Status status = merge(profile, other);
    EXPECT_EQ(profile, before);
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_THAT(error_with([](Profile& p) { p.model_xxh3 = 2; }), HasSubstr("different models"));
  EXPECT_THAT(error_with([](Profile& p) { p.averaging_constant = .1; }), HasSubstr("different constants"));
  EXPECT_THAT(error_with([](Profile& p) { p.tensors["y"]; }), HasSubstr("'y'"));
  EXPECT_THAT(error_with([](Profile& p) { p.tensors.clear(); }), HasSubstr("'x'"));
  EXPECT_THAT(error_with([](Profile& p) { p.tensors["x"].collected["mine"] = {0, 1}; }), HasSubstr("collector"));
}

}  // namespace
}  // namespace tegula::compiler
