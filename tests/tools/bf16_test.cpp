// --precision bf16 and aotc explain as a user meets them, on the sample model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "compiler/data/npz.h"
#include "schema/base/result.h"
#include "tests/support/command.h"

namespace tegula {
namespace {

using test::CommandResult;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

const std::filesystem::path kModels = std::filesystem::path(TEGULA_SOURCE_DIR) / "samples/models";
const std::string kModel = kModels / "shapes.onnx", kData = kModels / "shapes_200.npz";

class Bf16Command : public testing::Test {
 protected:
  CommandResult compile(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {TEGULA_AOTC, "compile", kModel, "-o", program(), "--precision", "bf16"};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_command(words);
  }
  Json explain(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {TEGULA_AOTC, "explain", program(), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = test::run_command(words);
    EXPECT_EQ(result.code, 0) << result.err;
    return Json::parse(result.out);
  }
  std::string program() const { return folder_ / "p.tgl"; }
  /// Some of the sample data without labels and expected outputs: one sample.
  std::string unlabelled() {
    const auto arrays = data::read_npz(kData);
    const auto images = data::slice_outermost(*data::find_tensor(*arrays, "image"), 0, 8);
    EXPECT_TRUE(data::write_npz(folder_ / "images.npz", {{"image", *images}}).ok());
    return folder_ / "images.npz";
  }

  test::TemporaryFolder folder_;
};

TEST_F(Bf16Command, TheSampleKeepsItsAccuracyWithoutACast) {
  const CommandResult result = compile({"--report", folder_ / "r.json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("BF16"));
  EXPECT_THAT(result.out, HasSubstr("Conv"));
  const Json report = Json::parse(std::ifstream(folder_ / "r.json"));
  EXPECT_TRUE(report["conversions"].empty()) << report["conversions"];
  EXPECT_FALSE(report["statistics"].empty());
  const CommandResult accuracy =
      test::run_command({TEGULA_RUNBENCH, program(), "--accuracy", kData, "--min-top1", "95"});
  EXPECT_EQ(accuracy.code, 0) << accuracy.out << accuracy.err;
  EXPECT_EQ(test::run_command({TEGULA_AOTC, "verify", program(), "--onnx", kModel, "--tolerance", "0.05"}).code, 0);
}

TEST_F(Bf16Command, ResultsDoNotDependOnThreads) {
  ASSERT_EQ(compile().code, 0);
  for (const char* threads : {"1", "2"})
    ASSERT_EQ(test::run_command({TEGULA_AOTC, "run", program(), "--input", kData, "--output",
                                 folder_ / concat(threads, ".npz"), "--threads", threads})
                  .code,
              0);
  const auto bytes = [&](const char* name) {
    std::ifstream file(folder_ / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(bytes("1.npz"), bytes("2.npz"));
}

TEST_F(Bf16Command, ExplainsWhatAnyMachineRuns) {
  ASSERT_EQ(compile().code, 0);
  const Json amx = explain({"--isa", "amx", "--dim", "batch=8"}), vnni = explain({"--isa", "avx512_vnni"});
  ASSERT_EQ(amx["steps"].size(), vnni["steps"].size());
  bool any_tiles = false;
  for (std::size_t s = 0; s < vnni["steps"].size(); ++s) {
    const Json &step = vnni["steps"][s], &other = amx["steps"][s];
    any_tiles = any_tiles || other["kernel"].get<std::string>().find("amx_bf16") != std::string::npos;
    if (step["operator"] != "Conv" && step["operator"] != "MatMul") continue;
    EXPECT_EQ(step["precision"], "BF16") << step;
    EXPECT_THAT(step["rule"].get<std::string>(), HasSubstr("bf16: allowed by default"));
    // Depthwise convolutions have no kernel of dot products to decline.
    if (!step["kernel"].get<std::string>().starts_with("depthwise")) {
      EXPECT_THAT(step["declined"].dump(), HasSubstr("avx512_bf16 declined: not among the features"));
    }
    EXPECT_FALSE(step["onnx_nodes"].empty());
  }
  EXPECT_TRUE(any_tiles) << amx;

  const CommandResult text = test::run_command({TEGULA_AOTC, "explain", program()});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("rule     bf16: allowed by default"));
  const CommandResult wrong = test::run_command({TEGULA_AOTC, "explain", program(), "--isa", "sse"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("no instruction set is called 'sse'"));
}

TEST_F(Bf16Command, ListsComeFromTheCommandLineAndAFile) {
  folder_.write("c.yaml", "bf16:\n  deny: [type:Conv]\n");
  const CommandResult denied = compile({"--config", folder_ / "c.yaml", "--bf16-deny", "type:MatMul"});
  ASSERT_EQ(denied.code, 0) << denied.err;
  EXPECT_THAT(denied.out, Not(HasSubstr("BF16")));
  EXPECT_THAT(explain()["steps"].dump(), HasSubstr("fp32: the user denies operator type Conv"));
  for (const auto& [options, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--bf16-deny", "name:nobody"}, "node 'nobody' matches nothing"},
           {{"--bf16-allow", "type:Conv", "--bf16-deny", "type:Conv"}, "both allowed and denied"},
           {{"--bf16-allow", "type:Cnv"}, "there is no operator type 'Cnv'"},
           {{"--config", folder_ / "none.yaml"}, "none.yaml"},
           {{"--max-drop", "0.5%"}, "--max-drop wants"},
           {{"--max-drop", "x", "--data", kData}, "want a share such as 0.5%"},
       }) {
    const CommandResult result = compile(options);
    EXPECT_EQ(result.code, 2) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
  }
  const CommandResult elsewhere =
      test::run_command({TEGULA_AOTC, "compile", kModel, "-o", program(), "--bf16-deny", "type:Conv"});
  EXPECT_EQ(elsewhere.code, 2);
  EXPECT_THAT(elsewhere.err, HasSubstr("want --precision bf16"));
}

TEST_F(Bf16Command, FallsBackToWhatKeepsTheScore) {
  const CommandResult loose = compile({"--data", kData, "--max-drop", "5%"});
  ASSERT_EQ(loose.code, 0) << loose.err;
  EXPECT_THAT(loose.out, HasSubstr("fp32 scores"));
  EXPECT_THAT(loose.out, HasSubstr("BF16"));
  EXPECT_THAT(loose.out, Not(HasSubstr("note: fp32: ")));

  // No drop at all of the cosine: only a program without bf16 keeps that, and there is one.
  const CommandResult strict = compile({"--data", unlabelled(), "--max-drop", "0"});
  ASSERT_EQ(strict.code, 0) << strict.err;
  EXPECT_THAT(strict.out, HasSubstr("note: fp32: "));
  EXPECT_THAT(strict.out, HasSubstr("with these in fp32 the program scores 1.000000"));
}

}  // namespace
}  // namespace tegula
