// The commands as a user meets them: the sample model through aotc and runbench, and the errors that wrong use gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "compiler/data/files.h"
#include "compiler/data/npz.h"
#include "tests/support/command.h"

namespace tegula {
namespace {

using test::CommandResult;
using test::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::filesystem::path kModels = std::filesystem::path(TEGULA_SOURCE_DIR) / "samples/models";

CommandResult aotc(std::vector<std::string> words) {
  words.insert(words.begin(), TEGULA_AOTC);
  return test::run_command(words);
}
CommandResult runbench(std::vector<std::string> words) {
  words.insert(words.begin(), TEGULA_RUNBENCH);
  return test::run_command(words);
}

/// One line "<program>: error: ..." on stderr, exit code 2.
void expect_refused(const CommandResult& result, const std::string& what) {
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr(": error: "));
  EXPECT_THAT(result.err, HasSubstr(what));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

/// The sample model, compiled once with two test vectors.
class Tools : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder();
    const CommandResult result = aotc(
        {"compile", kModels / "shapes.onnx", "-o", program(), "--bundle", "2", "--report", *folder_ / "report.json"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("Mixed Precision Statistics"), HasSubstr("shapes.onnx: ")));
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static std::string program() { return *folder_ / "shapes.tgl"; }
  static nlohmann::json json_of(const std::filesystem::path& path) {
    return nlohmann::json::parse(*data::read_file(path));
  }

  static TemporaryFolder* folder_;
  TemporaryFolder own_;
};
TemporaryFolder* Tools::folder_ = nullptr;

TEST_F(Tools, VerifyAgreesWithTheTrainersOutputs) {
  const CommandResult result = aotc({"verify", program(), "--data", kModels / "shapes_200.npz"});
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("output 'probabilities': ok (worst of 200"));
}

TEST_F(Tools, VerifyRunsTheModelItself) {
  const CommandResult result =
      aotc({"verify", program(), "--onnx", kModels / "shapes.onnx", "--dim", "batch=3", "--threads", "2"});
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("output 'probabilities': ok"));
}

/// Another model with the same inputs and outputs is not what the program computes: the first step that differs has a
/// name.
TEST_F(Tools, VerifyNamesTheFirstStepThatDiffers) {
  std::string model = *data::read_file(kModels / "shapes.onnx");
  const float changed = 100.0f;  // the file is weights nearly everywhere: one in its middle
  std::memcpy(model.data() + model.size() / 2, &changed, sizeof changed);
  const auto other = own_.write("other.onnx", model);
  const CommandResult result = aotc({"verify", program(), "--onnx", other});
  EXPECT_EQ(result.code, 1) << result.out << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("first step that differs"), HasSubstr("ONNX nodes '"), HasSubstr("FALLS SHORT")));
}

/// Weights that changed on their way are found by the numbers, and by the checksum when asked for.
TEST_F(Tools, VerifyFindsTheStepWhoseWeightsAreDamaged) {
  const auto inspected = nlohmann::json::parse(aotc({"inspect", program(), "--json"}).out);
  const auto& segment = inspected["segments"][0];
  std::string bytes = *data::read_file(program());
  const float changed = 100.0f;
  std::memcpy(bytes.data() + segment["offset"].get<std::size_t>() + segment["bytes"].get<std::size_t>() / 8 * 4,
              &changed, sizeof changed);
  const auto damaged = own_.write("damaged.tgl", bytes);
  const CommandResult result = aotc({"verify", damaged, "--onnx", kModels / "shapes.onnx"});
  EXPECT_EQ(result.code, 1) << result.out << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("first step that differs, after "), HasSubstr("ONNX nodes '"),
                                HasSubstr("/Conv'"), HasSubstr("FALLS SHORT")));
  EXPECT_EQ(runbench({damaged, "--selftest"}).code, 1);
  expect_refused(aotc({"pack", damaged, "-o", own_ / "x.tgl"}), "its checksum does not match");
}

TEST_F(Tools, RunTakesAndGivesNamedArrays) {
  const auto arrays = data::read_npz(kModels / "shapes_200.npz");
  ASSERT_TRUE(arrays.ok());
  const auto images = data::slice_outermost(*data::find_tensor(*arrays, "image"), 0, 7);
  const data::Tensor& wanted = *data::find_tensor(*arrays, "probabilities");
  ASSERT_TRUE(data::write_npz(own_ / "in.npz", {{"image", *images}}).ok());
  std::string first;
  for (const char* threads : {"1", "2"}) {
    const CommandResult result =
        aotc({"run", program(), "--input", own_ / "in.npz", "--output", own_ / "out.npz", "--threads", threads});
    ASSERT_EQ(result.code, 0) << result.err;
    const auto outputs = data::read_npz(own_ / "out.npz");
    ASSERT_TRUE(outputs.ok());
    ASSERT_EQ(outputs->size(), 1u);
    EXPECT_EQ((*outputs)[0].name, "probabilities");
    EXPECT_EQ((*outputs)[0].tensor.dims, (Dims{7, 10}));
    for (std::size_t i = 0; i < 70; ++i)
      EXPECT_NEAR((*outputs)[0].tensor.elements<float>()[i], wanted.elements<float>()[i], 1e-5) << i;
    const std::string bytes = *data::read_file(own_ / "out.npz");
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first) << "the same bits for any number of threads";
  }
}

TEST_F(Tools, RunConvertsOnlyWhatDoesNotChange) {
  data::Tensor wide = *data::make_tensor(DType::kS64, {1, 3, 32, 32});
  ASSERT_TRUE(data::write_npz(own_ / "in.npz", {{"image", wide}}).ok());
  EXPECT_EQ(aotc({"run", program(), "--input", own_ / "in.npz", "--output", own_ / "out.npz"}).code, 0);
  wide.elements<int64_t>()[5] = 256;
  ASSERT_TRUE(data::write_npz(own_ / "in.npz", {{"image", wide}}).ok());
  ASSERT_TRUE(data::write_text(own_ / "out.npz", "old").ok());
  expect_refused(aotc({"run", program(), "--input", own_ / "in.npz", "--output", own_ / "out.npz"}),
                 "input 'image': element 5 is 256, which u8 cannot hold exactly");
  EXPECT_EQ(*data::read_file(own_ / "out.npz"), "old") << "a failed run leaves what was there";
}

TEST_F(Tools, RunRefusesWrongNamesAndShapes) {
  const data::Tensor image = *data::make_tensor(DType::kU8, {1, 3, 32, 32}),
                     small = *data::make_tensor(DType::kU8, {1, 3, 8, 32});
  const auto refused = [&](std::vector<data::NamedSpan> arrays, const std::string& what) {
    ASSERT_TRUE(data::write_npz(own_ / "in.npz", arrays).ok());
    expect_refused(aotc({"run", program(), "--input", own_ / "in.npz", "--output", own_ / "out.npz"}), what);
  };
  refused({{"picture", image}}, "no input 'picture'; its inputs are 'image'");
  refused({{"image", image}, {"extra", image}}, "no input 'extra'");
  refused({{"image", small}}, "image");
  expect_refused(aotc({"run", program(), "--input", own_ / "absent.npz", "--output", own_ / "out.npz"}), "absent.npz");
  expect_refused(aotc({"run", own_ / "absent.tgl", "--input", "x", "--output", "y"}), "absent.tgl");
  expect_refused(aotc({"run", program(), "--input", program(), "--output", own_ / "out.npz"}), "not a .npz archive");
}

TEST_F(Tools, CompilingTwiceGivesTheSameBytes) {
  for (const char* name : {"a.tgl", "b.tgl"})
    ASSERT_EQ(aotc({"compile", kModels / "shapes.onnx", "-o", own_ / name, "--bundle", "2"}).code, 0);
  EXPECT_EQ(*data::read_file(own_ / "a.tgl"), *data::read_file(own_ / "b.tgl"));
  EXPECT_EQ(*data::read_file(own_ / "a.tgl"), *data::read_file(program()));
}

TEST_F(Tools, PackAndUnpackGiveTheFileBack) {
  ASSERT_EQ(aotc({"pack", program(), "-o", own_ / "packed.tgl"}).code, 0);
  EXPECT_LT(std::filesystem::file_size(own_ / "packed.tgl"), std::filesystem::file_size(program()));
  EXPECT_EQ(runbench({own_ / "packed.tgl", "--selftest"}).code, 0);
  ASSERT_EQ(aotc({"unpack", own_ / "packed.tgl", "-o", own_ / "unpacked.tgl"}).code, 0);
  EXPECT_EQ(*data::read_file(own_ / "unpacked.tgl"), *data::read_file(program()));
}

TEST_F(Tools, InspectShowsWhatIsInside) {
  const CommandResult text = aotc({"inspect", program()});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("shapes.onnx"), HasSubstr("image: u8[batch,3,32,32]"),
                              HasSubstr("probabilities: f32[batch,10]"), HasSubstr("test vector"), HasSubstr("Conv")));
  const CommandResult result = aotc({"inspect", program(), "--json"});
  ASSERT_EQ(result.code, 0);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["inputs"][0]["dims"], nlohmann::json::parse(R"(["batch", 3, 32, 32])"));
  EXPECT_EQ(json["test_vectors"].size(), 2u);
  EXPECT_GT(json["steps"].size(), 5u);
  EXPECT_EQ(json["provenance"]["configuration"]["bundle"], 2);
  EXPECT_EQ(json_of(*folder_ / "report.json")["steps"].size(), json["steps"].size());
}

TEST_F(Tools, CompileOptionsReachTheCompiler) {
  const CommandResult result =
      aotc({"compile", "--dim", "batch=2..4", kModels / "shapes.onnx", "-o", own_ / "x.tgl", "--print-passes",
            "--dump-graph", own_ / "g.dot", "--disable-pass", "fuse_post_ops", "--dump-after", "import"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("== after import"), HasSubstr("(disabled)"), HasSubstr("fold_constants")));
  EXPECT_THAT(*data::read_file(own_ / "g.dot"), AllOf(StartsWith("digraph"), HasSubstr("conv")));
  EXPECT_THAT(aotc({"inspect", own_ / "x.tgl"}).out, HasSubstr("batch: 2 to 4"));
  expect_refused(runbench({own_ / "x.tgl", "--dim", "batch=5", "--duration", "0"}), "batch");
  expect_refused(aotc({"compile", kModels / "shapes.onnx", "-o", own_ / "y.tgl", "--disable-pass", "no_such_pass"}),
                 "no_such_pass");
  EXPECT_FALSE(std::filesystem::exists(own_ / "y.tgl"));
}

TEST_F(Tools, WrongUseIsOneLine) {
  expect_refused(aotc({}), "aotc --help");
  expect_refused(aotc({"frobnicate"}), "no command 'frobnicate'");
  expect_refused(aotc({"tune"}), "'tune' is not part of this release");
  expect_refused(aotc({"compile"}), "aotc compile --help");
  expect_refused(aotc({"compile", "a.onnx", "-o", "b.tgl", "--unknown"}), "--unknown");
  expect_refused(aotc({"compile", kModels / "shapes.onnx", "-o", own_ / "x.tgl", "--precision", "int8"}),
                 "int8 with static ranges wants calibration");
  expect_refused(aotc({"compile", kModels / "shapes.onnx", "-o", own_ / "x.tgl", "--bf16-allow", "x"}),
                 "lists of what may be bf16 want --precision bf16");
  expect_refused(aotc({"compile", kModels / "shapes.onnx", "-o", "/no/such/folder/x.tgl"}), "/no/such/folder");
  expect_refused(aotc({"compile", own_ / "absent.onnx", "-o", own_ / "x.tgl"}), "absent.onnx");
  expect_refused(aotc({"compile", own_.write("bad.onnx", "no model"), "-o", own_ / "x.tgl"}), "bad.onnx");
  expect_refused(aotc({"inspect", own_.write("bad.tgl", "no program")}), "not a program file");
  expect_refused(aotc({"pack", own_.write("bad.tgl", "no program"), "-o", own_ / "x.tgl"}), "not a program file");
  expect_refused(runbench({program(), "--sweep"}), "--sweep is not part of this release");
  expect_refused(runbench({program(), "--dim", "bacth=2"}), "no symbolic dimension 'bacth'; it has 'batch'");
  expect_refused(runbench({program(), "--range", "image=0:300"}), "does not fit its type u8");
  expect_refused(runbench({own_ / "bad.tgl"}), "not a program file");
}

/// Runs the lines below "Example" in a folder that looks like the project's, with nothing but the tools and a shell.
void expect_example_works(const TemporaryFolder& folder, const CommandResult& help) {
  ASSERT_EQ(help.code, 0);
  const std::size_t example = help.out.rfind("\nExample");
  ASSERT_NE(example, std::string::npos) << help.out;
  const std::string lines = help.out.substr(help.out.find('\n', example + 1) + 1);
  ASSERT_THAT(lines, StartsWith("  ")) << help.out;
  const auto bin = [](const char* tool) { return std::filesystem::path(tool).parent_path().string(); };
  std::error_code exists;
  std::filesystem::create_directory_symlink(kModels.parent_path(), folder / "samples", exists);
  const CommandResult result = test::run_command({"sh", "-ec",
                                                  "cd '" + folder.path().string() + "'; PATH=" + bin(TEGULA_AOTC) +
                                                      ":" + bin(TEGULA_RUNBENCH) + ":/usr/bin:/bin\n" + lines});
  EXPECT_EQ(result.code, 0) << lines << result.out << result.err;
}

TEST_F(Tools, HelpEndsWithAnExample) {
  for (const char* command : {"compile", "calibrate", "run", "verify", "inspect", "pack", "unpack", "list"})
    expect_example_works(own_, aotc({command, "--help"}));
  expect_example_works(own_, runbench({"--help"}));
  EXPECT_THAT(aotc({"list", "operators"}).out, HasSubstr("Conv"));
  EXPECT_THAT(aotc({"list", "passes"}).out, HasSubstr("fold_constants"));
}

TEST_F(Tools, RunbenchReportsItsKeys) {
  const CommandResult result = runbench(
      {program(), "--dim", "batch=2", "--duration", "0.05", "--warmup", "0", "--profile", "--json", own_ / "r.json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("latency"), HasSubstr("plain loops")));
  const auto json = json_of(own_ / "r.json");
  EXPECT_GT(json["load_ms"].get<double>(), 0);
  EXPECT_GT(json["first_ms"].get<double>(), 0);
  for (const char* key : {"p50", "p90", "p95", "p99", "mean", "min", "max"})
    EXPECT_GT(json["latency_ms"][key].get<double>(), 0) << key;
  EXPECT_GE(json["latency_ms"]["count"].get<int>(), 3);
  EXPECT_TRUE(json["latency_ms"].contains("p99.9"));
  EXPECT_GT(json["throughput_per_s"].get<double>(), 0);
  EXPECT_EQ(json["samples_per_run"], 2);
  EXPECT_GT(json["memory"]["rss_mb"].get<double>(), 1);
  EXPECT_TRUE(json["memory"].contains("pss_mb"));
  EXPECT_FALSE(json["environment"]["cpu"].get<std::string>().empty());
  EXPECT_EQ(json["inputs"][0], "image u8[2,3,32,32]");
  EXPECT_GT(json["profile"]["steps"].size(), 5u);
  double percent = 0;
  for (const auto& step : json["profile"]["steps"]) percent += step["percent"].get<double>();
  EXPECT_NEAR(percent, 100, 0.1);
}

TEST_F(Tools, SelftestAndAccuracyHaveBars) {
  EXPECT_EQ(runbench({program(), "--selftest"}).code, 0);
  const CommandResult accuracy = runbench({program(), "--accuracy", kModels / "shapes_200.npz", "--min-top1", "95"});
  EXPECT_EQ(accuracy.code, 0) << accuracy.err;
  EXPECT_THAT(accuracy.out, HasSubstr("of 200 samples"));
  EXPECT_EQ(runbench({program(), "--accuracy", kModels / "shapes_200.npz", "--min-top1", "100"}).code, 1);
  ASSERT_EQ(aotc({"compile", kModels / "shapes.onnx", "-o", own_ / "plain.tgl"}).code, 0);
  expect_refused(runbench({own_ / "plain.tgl", "--selftest"}), "aotc compile --bundle 2");
  const data::Tensor image = *data::make_tensor(DType::kU8, {3, 3, 32, 32}),
                     label = *data::make_tensor(DType::kS64, {3});
  ASSERT_TRUE(data::write_npz(own_ / "in.npz", {{"image", image}, {"label", label}}).ok());
  const CommandResult unlabelled = runbench({program(), "--accuracy", own_ / "in.npz"});
  expect_refused(unlabelled, "no labels");
  EXPECT_THAT(unlabelled.err, HasSubstr("read 3 samples, the rows of 'image' (u8[3,3,32,32]); not used: 'label' "
                                        "(s64[3]); there are no labels (an array 'labels'"));
}

}  // namespace
}  // namespace tegula
