// aotc compile --precision int8 and aotc diagnose as a user meets them, on the sample model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "compiler/data/files.h"
#include "tests/support/command.h"

namespace tegula::driver {
namespace {

using test::CommandResult;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

const std::filesystem::path kModels = std::filesystem::path(TEGULA_SOURCE_DIR) / "samples/models";
const std::string kModel = kModels / "shapes.onnx", kData = kModels / "shapes_200.npz";

class Int8 : public testing::Test {
 protected:
  CommandResult compile(std::vector<std::string> more, const std::string& model = kModel) {
    std::vector<std::string> words = {TEGULA_AOTC, "compile", model, "-o", program(), "--report", report()};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_command(words);
  }
  CommandResult diagnose(std::vector<std::string> more) {
    std::vector<std::string> words = {TEGULA_AOTC, "diagnose", program(), "--onnx", kModel, "--data", kData};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_command(words);
  }
  void expect_refused(const CommandResult& result, const std::string& what) {
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(what));
    // Long work says what it does on lines before the error.
    const std::size_t error = result.err.find("aotc: error: ");
    ASSERT_NE(error, std::string::npos) << result.err;
    EXPECT_EQ(result.err.find('\n', error), result.err.size() - 1) << result.err;
  }
  std::string program() const { return folder_ / "p.tgl"; }
  std::string report() const { return folder_ / "r.json"; }
  Json json(const std::string& path) const { return Json::parse(*data::read_file(path)); }

  test::TemporaryFolder folder_;
};

TEST_F(Int8, EveryProductIsIntegerAndSaysWhy) {
  const CommandResult result = compile({"--precision", "int8", "--data", kData});
  ASSERT_EQ(result.code, 0) << result.err;
  int products = 0;
  const Json written = json(report());
  for (const Json& step : written["steps"]) {
    if (step["kind"] != "Conv" && step["kind"] != "Gemm") continue;
    ++products;
    EXPECT_THAT(step["types"].get<std::string>(), HasSubstr("u8,s8")) << step;
    EXPECT_THAT(step["rule"].get<std::string>(), HasSubstr("int8 static, by default")) << step;
  }
  EXPECT_GT(products, 1);
}

TEST_F(Int8, AProfileGivesTheSameProgramAsItsData) {
  ASSERT_EQ(compile({"--precision", "int8", "--data", kData, "--samples", "64"}).code, 0);
  const std::string from_data = *data::read_file(program());
  const std::string profile = folder_ / "profile.json";
  ASSERT_EQ(
      test::run_command({TEGULA_AOTC, "calibrate", kModel, "--data", kData, "--samples", "64", "-o", profile}).code, 0);
  ASSERT_EQ(compile({"--precision", "int8", "--profile", profile, "--samples", "64"}).code, 0);
  EXPECT_EQ(*data::read_file(program()), from_data);
}

TEST_F(Int8, WantsDataOrAnApproachWithout) {
  expect_refused(compile({"--precision", "int8"}), "wants calibration: --data DIR, or --profile");
  EXPECT_FALSE(std::filesystem::exists(program()));
  EXPECT_EQ(compile({"--precision", "int8", "--approach", "dynamic"}).code, 0);
  EXPECT_THAT(compile({"--precision", "int8", "--approach", "sometimes"}).err, HasSubstr("--approach"));
  expect_refused(compile({"--precision", "int8", "--data", kData, "--ranges", "guess"}), "guess");
}

TEST_F(Int8, RefusesTheProfileOfAnotherModel) {
  const std::string profile = folder_ / "profile.json";
  ASSERT_EQ(test::run_command({TEGULA_AOTC, "calibrate", kModel, "--data", kData, "-o", profile}).code, 0);
  std::string text = *data::read_file(profile);
  const std::size_t hash = text.find("\"xxh3\":\"") + 8;
  text[hash] = text[hash] == '0' ? '1' : '0';
  ASSERT_TRUE(data::write_text(profile, text).ok());
  expect_refused(compile({"--precision", "int8", "--profile", profile}), "the profile is of another model");
  EXPECT_FALSE(std::filesystem::exists(program()));
}

TEST_F(Int8, OptionsOfInt8WantInt8) {
  expect_refused(compile({"--ranges", "kl"}), "--ranges speaks of int8");
  expect_refused(compile({"--precision", "bf16", "--requantize"}), "--requantize speaks of int8");
}

TEST_F(Int8, SaysThatNothingBecameInteger) {
  const std::string config = folder_ / "c.yaml";
  ASSERT_TRUE(
      data::write_text(config, "int8:\n  op_type_dict:\n    Conv: {dtype: fp32}\n    Gemm: {dtype: fp32}\n").ok());
  const CommandResult result = compile({"--precision", "int8", "--data", kData, "--config", config});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("note: no operation became int8"));
}

TEST_F(Int8, DiagnosisRanksWhatProductsCost) {
  ASSERT_EQ(compile({"--precision", "int8", "--data", kData}).code, 0);
  const std::string details = folder_ / "d.json", page = folder_ / "d.html";
  const CommandResult result = diagnose({"--images", "8", "--json", details, "--html", page});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("INT8 Diagnosis"));
  EXPECT_THAT(result.out, HasSubstr("over 8 samples"));
  const Json json_report = json(details);
  double last = INFINITY;
  for (const Json& op : json_report["ops"]) {
    EXPECT_GT(op["sqnr_db"].get<double>(), 10) << op;
    EXPECT_GT(op["cosine"].get<double>(), 0.9) << op;
    EXPECT_GT(op["elements"].get<int64_t>(), 0) << op;
    EXPECT_GT(op["range_used_share"].get<double>(), 0.2) << op;
    EXPECT_LT(op["saturated_share"].get<double>(), 0.05) << op;
    EXPECT_LE(op["outputs_gain_db"].get<double>(), last) << "sorted by what they cost";
    last = op["outputs_gain_db"].get<double>();
  }
  EXPECT_GT(json_report["ops"].size(), 1u);
  EXPECT_THAT(*data::read_file(page), HasSubstr("class=\"bar\""));
}

TEST_F(Int8, DiagnosisRefusesAProgramOfOtherOptions) {
  ASSERT_EQ(compile({"--precision", "int8", "--data", kData, "--ranges", "minmax"}).code, 0);
  expect_refused(diagnose({"--ranges", "kl"}),
                 "was compiled with other options, algorithm minmax instead of kl; give those of its compilation");
  expect_refused(diagnose({"--ranges", "minmax", "--smooth-quant"}), "smooth_quant none instead of {\"alpha\":0.5");
  expect_refused(diagnose({"--ranges", "minmax", "--samples", "50"}),
                 "is not what the model compiles to with these options and this profile");
  EXPECT_EQ(diagnose({"--ranges", "minmax", "--images", "2"}).code, 0);
  ASSERT_EQ(compile({}).code, 0);
  expect_refused(diagnose({}), "was compiled with --precision model; this is for --precision int8");
  expect_refused(test::run_command({TEGULA_AOTC, "diagnose", program(), "--onnx", kData, "--data", kData}),
                 ": error: ");
}

TEST_F(Int8, RefusesOutputsThatCannotBeWrittenBeforeAnythingElse) {
  const std::string nowhere = folder_ / "none" / "x", folder = folder_ / "made";
  std::filesystem::create_directory(folder);
  expect_refused(test::run_command({TEGULA_AOTC, "calibrate", kModel, "--data", kData, "-o", nowhere}),
                 "cannot write '" + nowhere + "': No such file or directory");
  expect_refused(test::run_command({TEGULA_AOTC, "compile", "absent.onnx", "-o", folder}), "it is a folder");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  expect_refused(test::run_command({TEGULA_AOTC, "compile", kModel, "-o", program(), "--report", nowhere}), nowhere);
  EXPECT_FALSE(std::filesystem::exists(program())) << "nothing of it is made";
  ASSERT_EQ(compile({"--precision", "int8", "--data", kData}).code, 0);
  expect_refused(diagnose({"--html", nowhere}), nowhere);
}

TEST_F(Int8, CountsAreWholeNumbers) {
  for (const char* text : {"0", "-1", "many", "1.5"})
    expect_refused(compile({"--precision", "int8", "--data", kData, "--samples", text}),
                   concat("--samples: '", text, "' is no whole number from 1 on"));
}

TEST_F(Int8, ItsSectionWantsItsPrecision) {
  const std::string config = folder_ / "c.yaml";
  ASSERT_TRUE(data::write_text(config, "# rules\nint8:\n  last_layer: false\n").ok());
  expect_refused(compile({"--config", config}),
                 "c.yaml': line 3: the section int8 wants --precision int8 or int8+bf16, not model");
  EXPECT_EQ(compile({"--precision", "int8+bf16", "--data", kData, "--config", config}).code, 0);
}

}  // namespace
}  // namespace tegula::driver
