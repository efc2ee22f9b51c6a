// runbench --accuracy: its formulas, and the command on the sample model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <vector>

#include "compiler/data/files.h"
#include "compiler/data/npz.h"
#include "compiler/driver/batch.h"
#include "perf/runbench/output_metrics.h"
#include "tests/support/command.h"

namespace tegula::runbench {
namespace {

using data::NamedTensor;
using data::Tensor;
using test::CommandResult;
using testing::AllOf;
using testing::HasSubstr;
using Values = std::vector<double>;

const double kNan = std::nan(""), kInf = std::numeric_limits<double>::infinity();
const std::filesystem::path kModels = std::filesystem::path(TEGULA_SOURCE_DIR) / "samples/models";
const std::string kData = kModels / "shapes_200.npz";

TEST(OutputMetrics, RanksFollowArgmax) {
  const Values scores = {1, 5, 3, 5, kNan, -kInf};
  EXPECT_EQ(first_answer(scores), 1u);
  const std::vector<int64_t> ranks = {3, 0, 2, 1, 5, 4};
  for (std::size_t label = 0; label < scores.size(); ++label) EXPECT_EQ(rank_of_label(scores, label), ranks[label]);
  EXPECT_EQ(first_answer(Values{kNan, -1}), 1u);
  EXPECT_EQ(first_answer(Values{kNan, kNan}), 0u);
}

TEST(OutputMetrics, CosineAndSquaredError) {
  EXPECT_DOUBLE_EQ(cosine(Values{1, 2}, Values{2, 4}), 1);
  EXPECT_DOUBLE_EQ(cosine(Values{3, 4}, Values{4, 3}), 24.0 / 25);
  EXPECT_DOUBLE_EQ(cosine(Values{1, 0}, Values{-2, 0}), -1);
  EXPECT_EQ(cosine(Values{0, 0}, Values{0, 0}), 1);
  EXPECT_EQ(cosine(Values{0, 0}, Values{0, 1}), 0);
  EXPECT_EQ(cosine(Values{kNan, 1}, Values{1, 1}), 0);
  EXPECT_EQ(cosine(Values{kInf, 1}, Values{1, 1}), 0);
  EXPECT_DOUBLE_EQ(mean_squared_error(Values{1, 2, 3, 4}, Values{1, 2, 3, 6}), 1);
  EXPECT_EQ(mean_squared_error(Values{kNan, kInf}, Values{kNan, kInf}), 0);
  EXPECT_EQ(mean_squared_error(Values{kNan, 1}, Values{1, 1}), kInf);
}

TEST(OutputMetrics, AgreementKeepsTheWorstSample) {
  OutputAgreement agreement("y");
  agreement.add("a", Values{3, 4}, Values{3, 4});
  agreement.add("b", Values{3, 4}, Values{4, 3});
  agreement.add("c", Values{0, 1}, Values{0, 3});
  EXPECT_EQ(agreement.samples(), 3);
  EXPECT_DOUBLE_EQ(agreement.mean_cosine(), (2 + 24.0 / 25) / 3);
  EXPECT_DOUBLE_EQ(agreement.least_cosine(), 24.0 / 25);
  EXPECT_EQ(agreement.least_sample(), "b");
  EXPECT_DOUBLE_EQ(agreement.mean_squared_error(), (0.0 + 1 + 2) / 3);
  EXPECT_EQ(agreement.largest_difference(), 2);
  EXPECT_NEAR(agreement.same_first_answer_percent(), 200.0 / 3, 1e-9);
}

Tensor counting(Dims dims, float from) {
  Tensor tensor = *data::make_tensor(DType::kF32, std::move(dims));
  for (float& element : tensor.elements<float>()) element = from++;
  return tensor;
}

TEST(Batch, JoinsAlongTheOutermostDimensionAndTakesApart) {
  std::vector<data::Sample> samples(2);
  samples[0] = {"a", {{"x", counting({1, 2}, 0)}}, {}, {}};
  samples[1] = {"b", {{"x", counting({3, 2}, 10)}}, {}, {}};
  const auto joined = driver::join(samples);
  ASSERT_TRUE(joined.ok());
  EXPECT_EQ((*joined)[0].tensor.dims, (Dims{4, 2}));
  EXPECT_EQ((*joined)[0].tensor.elements<float>()[1], 1);
  EXPECT_EQ((*joined)[0].tensor.elements<float>()[2], 10);
  const auto part = driver::part_of(*joined, 1, 2);
  ASSERT_TRUE(part.ok());
  EXPECT_EQ((*part)[0].tensor.dims, (Dims{2, 2}));
  EXPECT_EQ((*part)[0].tensor.elements<float>()[0], 12);
  EXPECT_FALSE(driver::part_of(*joined, 0, 3).ok());
  samples[1].inputs[0].tensor = counting({1, 3}, 0);
  const auto refused = driver::join(samples);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("'b'"), HasSubstr("[1,3]"), HasSubstr("into a batch")));
}

class AccuracyCommand : public testing::Test {
 protected:
  std::string program(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {TEGULA_AOTC, "compile", kModels / "shapes.onnx", "-o", folder_ / name};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = test::run_command(words);
    EXPECT_EQ(result.code, 0) << result.err;
    return folder_ / name;
  }
  CommandResult measure(const std::string& program, const std::string& data, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {TEGULA_RUNBENCH, program, "--accuracy", data, "--json", folder_ / "a.json"};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_command(words);
  }
  nlohmann::json json() const { return nlohmann::json::parse(*data::read_file(folder_ / "a.json"))["accuracy"]; }
  void expect_refused(const CommandResult& result, const std::string& what) {
    EXPECT_EQ(result.code, 2) << result.out << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("runbench: error: "), HasSubstr(what)));
    EXPECT_TRUE(std::regex_match(result.err, std::regex("([a-z]+ing [^\n]* \\.\\.\\.\n)*[a-z]+: error: [^\n]*\n")))
        << "one line, behind what tells of a long job: " << result.err;
  }
  test::TemporaryFolder folder_;
};

TEST_F(AccuracyCommand, AnyBatchMeasuresTheSame) {
  const std::string any = program("any.tgl"), eight = program("eight.tgl", {"--dim", "batch=8"});
  ASSERT_EQ(measure(any, kData).code, 0);
  const auto one = json();
  EXPECT_EQ(one["samples"], 200);
  EXPECT_EQ(one["labelled"], 200);
  EXPECT_GE(one["top1_percent"], 95.0);
  EXPECT_EQ(one["outputs"][0]["name"], "probabilities");
  EXPECT_GT(one["outputs"][0]["cosine"], .99999);
  EXPECT_LT(one["outputs"][0]["mse"], 1e-9);
  EXPECT_EQ(one["outputs"][0]["same_top1_percent"], 100.0);
  EXPECT_TRUE(one["metric"].is_null());
  for (const auto& [file, batch] : {std::pair(any, 7), std::pair(eight, 8)}) {  // neither divides 200 but the last
    const CommandResult result =
        measure(file, kData, batch == 7 ? std::vector<std::string>{"--batch", "7"} : std::vector<std::string>{});
    ASSERT_EQ(result.code, 0) << result.err;
    auto other = json();
    EXPECT_EQ(other["batch"], batch);
    other["batch"] = 1;
    EXPECT_EQ(other, one) << file;
  }
  const std::string six = program("six.tgl", {"--dim", "batch=6"});
  ASSERT_EQ(measure(six, kData).code, 0);
  auto padded = json();
  EXPECT_EQ(padded["batch"], 6) << "the last run has two samples and four copies";
  padded["batch"] = 1;
  EXPECT_EQ(padded, one);
}

TEST_F(AccuracyCommand, ComparesWithAnotherProgramOrStoredOutputs) {
  const std::string any = program("any.tgl"), other = program("other.tgl", {"--disable-pass", "fuse_post_ops"});
  ASSERT_EQ(measure(any, kData, {"--reference", other, "--batch", "9"}).code, 0);
  EXPECT_GT(json()["outputs"][0]["cosine"], .99999);

  // The outputs of each sample's neighbour: most answers differ.
  const auto arrays = data::read_npz(kData);
  Tensor shifted = *data::find_tensor(*arrays, "probabilities");
  const auto scores = shifted.elements<float>();
  std::rotate(scores.begin(), scores.begin() + 10, scores.end());
  ASSERT_TRUE(data::write_npz(folder_ / "stored.npz", {{"logits", shifted}}).ok());
  const CommandResult stored = measure(any, kData, {"--reference", folder_ / "stored.npz"});
  ASSERT_EQ(stored.code, 0) << stored.err;
  EXPECT_THAT(stored.out, HasSubstr("same top-1"));
  EXPECT_LT(json()["outputs"][0]["same_top1_percent"], 50.0);
  EXPECT_LT(json()["outputs"][0]["cosine"], .5);
  EXPECT_GE(json()["top1_percent"], 95.0) << "labels are not the reference's";

  expect_refused(measure(any, kData, {"--reference", folder_ / "absent.tgl"}), "absent.tgl");
  expect_refused(measure(any, kData, {"--reference", "x.txt"}), "'x.txt': a reference is a program");
  const Tensor few = *data::slice_outermost(shifted, 0, 150);
  ASSERT_TRUE(data::write_npz(folder_ / "few.npz", {{"probabilities", few}}).ok());
  expect_refused(measure(any, kData, {"--reference", folder_ / "few.npz"}), "[150,10] for 200 samples");
}

TEST_F(AccuracyCommand, HasBars) {
  const std::string any = program("any.tgl");
  EXPECT_EQ(measure(any, kData, {"--min-top1", "95", "--min-same-top1", "100", "--min-cosine", "0.999"}).code, 0);
  const CommandResult top1 = measure(any, kData, {"--min-top1", "99.9"});
  EXPECT_EQ(top1.code, 1);
  EXPECT_THAT(top1.err, HasSubstr("top-1 in percent 99 is below the 99.9 asked for"));
  const auto arrays = data::read_npz(kData);
  ASSERT_TRUE(data::write_npz(folder_ / "bare.npz", {{"image", *data::find_tensor(*arrays, "image")},
                                                     {"labels", *data::find_tensor(*arrays, "labels")}})
                  .ok());
  const CommandResult bare = measure(any, folder_ / "bare.npz", {"--min-cosine", "0.5"});
  EXPECT_EQ(bare.code, 1);
  EXPECT_THAT(bare.err, HasSubstr("cosine was not measured"));
}

TEST_F(AccuracyCommand, RunsTheUsersMetric) {
  const std::string any = program("any.tgl");
  const auto metric = [&](const std::string& script) {
    return measure(any, kData, {"--batch", "8", "--metric", "sh " + folder_.write("metric.sh", script).string()});
  };
  const CommandResult result = metric(
      "set -e\n"
      "test \"$(wc -l < \"$1/samples.csv\")\" = 201\n"
      "grep -q '^7,\"shapes_200.npz row 7\",[0-9]*$' \"$1/samples.csv\"\n"
      "test -s \"$1/expected/199.npz\"\n"
      "echo \"$1\" > '" +
      (folder_ / "where").string() +
      "'\n"
      "echo counting\n"
      "ls \"$1/outputs\" | wc -l\n");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(json()["metric"], 200);
  EXPECT_THAT(result.out, HasSubstr("metric      200"));
  std::string folder = *data::read_file(folder_ / "where");
  folder.pop_back();
  EXPECT_FALSE(std::filesystem::exists(folder)) << "it is removed";
  EXPECT_EQ(measure(any, kData, {"--metric", "echo 3; true", "--min-metric", "4"}).code, 1);
  expect_refused(metric("exit 3"), "it ended with exit code 3");
  expect_refused(metric("echo 1; echo nothing"), "its last line is 'nothing' instead of a number");
  expect_refused(metric("echo nan"), "instead of a number");
  expect_refused(metric("true"), "its last line is '' instead of a number");
}

TEST_F(AccuracyCommand, RefusesWhatDoesNotGoTogether) {
  const std::string any = program("any.tgl");
  expect_refused(measure(any, kData, {"--scores", "logits"}), "no output 'logits'");
  expect_refused(measure(any, folder_ / "absent.npz"), "absent.npz");
  const Tensor image = *data::make_tensor(DType::kU8, {2, 3, 32, 32});
  Tensor labels = *data::make_tensor(DType::kS64, {2});
  labels.elements<int64_t>()[1] = 10;
  ASSERT_TRUE(data::write_npz(folder_ / "in.npz", {{"image", image}, {"labels", labels}}).ok());
  expect_refused(measure(any, folder_ / "in.npz"), "label 10 is outside of the 10 scores");
}

}  // namespace
}  // namespace tegula::runbench
