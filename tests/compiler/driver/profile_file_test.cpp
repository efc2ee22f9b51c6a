#include "compiler/driver/profile_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "compiler/data/files.h"
#include "compiler/quantize/choose_range.h"
#include "tests/support/mutate.h"
#include "tests/support/rounds.h"
#include "tests/support/temporary_folder.h"

namespace tegula::driver {
namespace {

using compiler::Profile;
using compiler::TensorProfile;
using testing::HasSubstr;

Profile sample_profile() {
  Profile profile;
  profile.model = "net.onnx";
  profile.model_xxh3 = 0xfedcba9876543210u;
  profile.data_xxh3 = 7;
  profile.samples = 3;
  TensorProfile& x = profile.tensors["/block.0/\"x\" \xc3\xbc"];
  const std::vector<float> values = {0.1f, -1e-20f, 3.14159274f, -16777217.0f, 0, 1e30f};
  x.count = 8;
  x.nan_count = x.inf_count = 1;
  x.extremes = {-16777217.0f, 1e30f};
  x.histogram.add(values);
  x.moving_average.add({-1.0f / 3, 1e30f}, .01);
  x.moving_average.add({-2.0f / 3, 0.7f}, .01);
  const float infinity = std::numeric_limits<float>::infinity();
  x.channels = {{0.1f, infinity}, {1e30f, -infinity}, {1.0 / 3, 0}, 4};
  x.collected["mine"] = {-0.3f, 0.9f};
  profile.tensors["never finite"].count = profile.tensors["never finite"].nan_count = 5;
  return profile;
}

class ProfileFile : public testing::Test {
 protected:
  std::string error_of(std::string_view text) {
    const auto profile = read_profile(folder_.write("p.json", text));
    return profile.ok() ? "" : profile.error().message;
  }
  std::string written() {
    EXPECT_TRUE(write_profile(folder_ / "p.json", sample_profile()).ok());
    return *data::read_file(folder_ / "p.json");
  }
  test::TemporaryFolder folder_;
};

TEST_F(ProfileFile, GivesBackEveryNumber) {
  const Profile profile = sample_profile();
  ASSERT_TRUE(write_profile(folder_ / "p.json", profile).ok());
  const auto read = read_profile(folder_ / "p.json");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, profile);
}

TEST_F(ProfileFile, IsJsonWithALineForEachTensor) {
  const std::string text = written();
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["model"]["xxh3"], "fedcba9876543210");
  EXPECT_EQ(json["tensors"].size(), 2u);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

TEST_F(ProfileFile, AnotherModelIsAnError) {
  const Profile profile = sample_profile();
  EXPECT_TRUE(check_profile_model(profile, "p.json", profile.model_xxh3).ok());
  const Status status = check_profile_model(profile, "p.json", 1);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("of another model, 'net.onnx'"));
}

TEST_F(ProfileFile, ErrorsSayWhereAndWhat) {
  const auto with = [&](const auto& change) {
    auto json = nlohmann::json::parse(written());
    change(json);
    return error_of(json.dump());
  };
  const auto first = [](nlohmann::json& json) -> nlohmann::json& { return json["tensors"].begin().value(); };
  EXPECT_THAT(error_of(""), HasSubstr("no calibration profile"));
  EXPECT_THAT(error_of("{\"format\": 1"), HasSubstr("breaks at byte 13 of 12"));
  EXPECT_THAT(error_of("[1]"), HasSubstr("'format' is missing"));
  EXPECT_THAT(with([](auto& j) { j["format"] = "other"; }), HasSubstr("'format' is not"));
  EXPECT_THAT(with([](auto& j) { j["version"] = 2; }), HasSubstr("reads version 1"));
  EXPECT_THAT(with([](auto& j) { j["model"]["xxh3"] = "12"; }), HasSubstr("16 hexadecimal digits"));
  EXPECT_THAT(with([](auto& j) { j["samples"] = -1; }), HasSubstr("'samples' is no integer"));
  EXPECT_THAT(with([](auto& j) { j["averaging_constant"] = 2; }), HasSubstr("between 0 and 1"));
  EXPECT_THAT(with([](auto& j) { j["tensors"] = 1; }), HasSubstr("'tensors' is no object"));
  EXPECT_THAT(with([&](auto& j) { first(j)["count"] = 9; }), HasSubstr("counts 6 values, but the tensor has 7"));
  EXPECT_THAT(with([&](auto& j) { first(j)["count"] = 1e300; }), HasSubstr("'count' is no integer"));
  EXPECT_THAT(with([&](auto& j) { first(j)["nan"] = 9; }), HasSubstr("'nan' is no integer from 0 to 8"));
  EXPECT_THAT(with([&](auto& j) { first(j)["range"] = {2, 1}; }), HasSubstr("'range' is no pair"));
  EXPECT_THAT(with([&](auto& j) { first(j)["range"] = {0, 1e39}; }), HasSubstr("which is too large"));
  EXPECT_THAT(with([&](auto& j) { first(j)["histogram"]["log2_width"] = 117; }), HasSubstr("from -120 to 116"));
  EXPECT_THAT(with([&](auto& j) { first(j)["histogram"]["positive"][0] = -1; }), HasSubstr("holds no count at 0"));
  EXPECT_THAT(with([&](auto& j) { first(j)["histogram"]["positive"] = std::vector<int>(4097, 0); }),
              HasSubstr("up to 4096 counts"));
  EXPECT_THAT(with([&](auto& j) { first(j)["channels"]["sum"] = {1}; }), HasSubstr("lists of different lengths"));
  EXPECT_THAT(with([&](auto& j) { first(j)["channels"]["sum"] = {1, "x"}; }), HasSubstr("than a number at 1"));
  EXPECT_THAT(with([&](auto& j) { first(j)["collected"]["mine"] = 1; }), HasSubstr("collected"));
}

/// Whatever is in the file, reading ends in a profile that every algorithm can work with, or in one line.
TEST_F(ProfileFile, DamageIsAnErrorOrAnotherProfile) {
  const std::string text = written();
  constexpr std::string_view kTokens[] = {"null", "-1",  "1e999", "9223372036854775808", "{}", "[]",
                                          "\"",   "0.5", "1e38"};
  for (int seed = 0; seed < test::rounds(200); ++seed) {
    const auto profile =
        read_profile(folder_.write("p.json", test::Mutator(static_cast<uint32_t>(seed)).damaged_text(text, kTokens)));
    if (!profile.ok()) {
      EXPECT_TRUE(test::is_printable_message(profile.error().message)) << profile.error().message;
      continue;
    }
    for (const auto& [name, tensor] : profile->tensors) {
      for (const auto algorithm :
           {compiler::RangeAlgorithm::kPercentile, compiler::RangeAlgorithm::kKl, compiler::RangeAlgorithm::kMse}) {
        const auto range = choose_range(tensor, {.algorithm = algorithm});
        EXPECT_EQ(range.ok(), tensor.finite_count() > 0);
        if (range.ok()) {
          EXPECT_LE(range->low, range->high);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tegula::driver
