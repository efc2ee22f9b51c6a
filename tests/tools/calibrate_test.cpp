// aotc calibrate as a user meets it, on the sample model: the profile, its collectors, and what wrong input gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <regex>

#include "compiler/data/files.h"
#include "compiler/data/npz.h"
#include "compiler/driver/profile_file.h"
#include "tests/support/command.h"

namespace tegula::driver {
namespace {

using compiler::Profile;
using test::CommandResult;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kModels = std::filesystem::path(TEGULA_SOURCE_DIR) / "samples/models";
const std::string kModel = kModels / "shapes.onnx", kData = kModels / "shapes_200.npz";

class Calibrate : public testing::Test {
 protected:
  /// aotc calibrate <sample model> --data ... -o p.json
  CommandResult calibrate(const std::string& data, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {TEGULA_AOTC, "calibrate", kModel, "--data", data, "-o", output()};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_command(words);
  }
  std::string output() const { return folder_ / "p.json"; }
  std::string bytes() const { return *data::read_file(output()); }
  Profile profile() const {
    const auto read = read_profile(output());
    EXPECT_TRUE(read.ok()) << read.error().message;
    return read.ok() ? *read : Profile();
  }

  /// One line on stderr, and the file that was there before is still there.
  void expect_refused(const CommandResult& result, const std::string& what) {
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr("aotc: error: "));
    EXPECT_THAT(result.err, HasSubstr(what));
    EXPECT_TRUE(std::regex_match(result.err, std::regex("([a-z]+ing [^\n]* \\.\\.\\.\n)*[a-z]+: error: [^\n]*\n")))
        << "one line, behind what tells of a long job: " << result.err;
    EXPECT_EQ(bytes(), "old");
    for (const auto& file : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_THAT(file.path().filename().string(), Not(HasSubstr("p.json."))) << "a temporary file is left";
  }
  void SetUp() override { folder_.write("p.json", "old"); }

  /// Rows [begin, end) of the sample data, without expected outputs.
  std::string rows(int64_t begin, int64_t end, const std::string& name = "rows.npz") {
    const auto arrays = data::read_npz(kData);
    std::vector<data::NamedTensor> part;
    for (const char* array : {"image", "labels"})
      part.push_back({array, *data::slice_outermost(*data::find_tensor(*arrays, array), begin, end - begin)});
    std::vector<data::NamedSpan> spans;
    for (const data::NamedTensor& tensor : part) spans.push_back({tensor.name, tensor.tensor});
    EXPECT_TRUE(data::write_npz(folder_ / name, spans).ok());
    return folder_ / name;
  }

  test::TemporaryFolder folder_;
};

TEST_F(Calibrate, ProfilesEveryTensorAlikeForAnyNumberOfThreads) {
  const CommandResult one = calibrate(kData, {"--print-ranges"});
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("tensors over 200 samples"));
  EXPECT_THAT(one.out, HasSubstr("'probabilities'"));
  const std::string first = bytes();
  for (const char* threads : {"2", "3", "0"}) {
    ASSERT_EQ(calibrate(kData, {"--threads", threads}).code, 0);
    EXPECT_EQ(bytes(), first) << threads << " threads";
  }
  const Profile all = profile();
  EXPECT_EQ(all.model, "shapes.onnx");
  EXPECT_EQ(all.samples, 200);
  ASSERT_TRUE(all.tensors.contains("probabilities"));
  const compiler::TensorProfile& output = all.tensors.at("probabilities");
  EXPECT_EQ(output.count, 2000);
  EXPECT_EQ(output.channels.size(), 10u);
  double sum = 0;
  for (const double channel : output.channels.sum) sum += channel;
  EXPECT_NEAR(sum, 200, 1e-3) << "probabilities of a sample sum to 1";
  EXPECT_GE(output.extremes.low, 0);
  EXPECT_LE(output.extremes.high, 1);
}

TEST_F(Calibrate, MergedRunsAreTheRunOverAllData) {
  ASSERT_EQ(calibrate(rows(0, 80)).code, 0);
  std::filesystem::rename(output(), folder_ / "first.json");
  const CommandResult second = calibrate(rows(80, 200), {"--merge", folder_ / "first.json"});
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(second.out, HasSubstr("200 samples, 120 of them new"));
  const Profile merged = profile();
  ASSERT_EQ(calibrate(rows(0, 200)).code, 0);
  const Profile whole = profile();
  ASSERT_EQ(merged.tensors.size(), whole.tensors.size());
  for (const auto& [name, tensor] : whole.tensors) {
    const compiler::TensorProfile& other = merged.tensors.at(name);
    EXPECT_EQ(other.histogram, tensor.histogram) << name;
    EXPECT_EQ(other.extremes, tensor.extremes) << name;
    EXPECT_NEAR(other.moving_average.high, tensor.moving_average.high, 1e-9) << name;
    EXPECT_EQ(other.channels.min, tensor.channels.min) << name;
  }
}

/// The peak of all commands so far, in KiB.
int64_t largest_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  return usage.ru_maxrss;
}

TEST_F(Calibrate, MemoryDoesNotGrowWithTheNumberOfSamples) {
#ifdef TEGULA_SANITIZED
  GTEST_SKIP() << "sanitizers keep what is freed";
#endif
  ASSERT_EQ(calibrate(kData, {"--samples", "10", "--threads", "2"}).code, 0);
  const int64_t ten = largest_memory();
  ASSERT_EQ(calibrate(kData, {"--threads", "2"}).code, 0);
  EXPECT_LE(static_cast<double>(largest_memory()), static_cast<double>(ten) * 1.05);
}

TEST_F(Calibrate, SamplesAreSpreadOverTheData) {
  ASSERT_EQ(calibrate(kData, {"--samples", "50"}).code, 0);
  EXPECT_EQ(profile().samples, 50);
  const uint64_t spread = profile().data_xxh3;
  ASSERT_EQ(calibrate(rows(0, 50)).code, 0);
  EXPECT_NE(profile().data_xxh3, spread);
  ASSERT_EQ(calibrate(kData, {"--samples", "1000"}).code, 0);
  EXPECT_EQ(profile().samples, 200);
}

TEST_F(Calibrate, AProgramOfAFixedBatchTakesAsManySamplesAtATime) {
  ASSERT_EQ(calibrate(kData, {"--samples", "40"}).code, 0);
  const compiler::Profile one = profile();
  ASSERT_EQ(calibrate(kData, {"--samples", "40", "--dim", "batch=8"}).code, 0);
  const compiler::Profile eight = profile();
  EXPECT_EQ(eight.samples, 40);
  ASSERT_EQ(eight.tensors.size(), one.tensors.size());
  for (const auto& [name, tensor] : one.tensors) {
    EXPECT_EQ(eight.tensors.at(name).extremes, tensor.extremes) << name;
    EXPECT_EQ(eight.tensors.at(name).count, tensor.count) << name;
  }
  ASSERT_EQ(calibrate(rows(0, 3), {"--dim", "batch=8"}).code, 0);
  EXPECT_EQ(profile().samples, 8) << "some of the three come again";
}

TEST_F(Calibrate, WarnsOfTooFewSamples) {
  const CommandResult few = calibrate(rows(0, 31));
  EXPECT_EQ(few.code, 0);
  EXPECT_THAT(few.err, HasSubstr("aotc: warning: the profile rests on 31 samples; fewer than 32"));
  EXPECT_THAT(few.err, HasSubstr("(the data: 31 samples, the rows of 'image' (u8[31,3,32,32]))"));
  EXPECT_THAT(calibrate(rows(0, 32)).err, Not(HasSubstr("fewer than 32")));
}

TEST_F(Calibrate, WarnsOfRangesThatGrowLate) {
  const auto arrays = data::read_npz(kData);
  data::Tensor image = *data::slice_outermost(*data::find_tensor(*arrays, "image"), 0, 40);
  const data::Tensor labels = *data::slice_outermost(*data::find_tensor(*arrays, "labels"), 0, 40);
  const auto pixels = image.elements<uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i)  // the last quarter has all of the contrast
    if (i < pixels.size() * 3 / 4) pixels[i] = static_cast<uint8_t>(120 + pixels[i] / 16);
  ASSERT_TRUE(data::write_npz(folder_ / "late.npz", {{"image", image}, {"labels", labels}}).ok());
  const CommandResult result = calibrate(folder_ / "late.npz");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("grew by more than 10 % over the last quarter of the samples"));
  EXPECT_THAT(result.err, HasSubstr("'/Cast_output_0' by 94 %"));
}

TEST_F(Calibrate, WrongDataIsOneLineAndLeavesTheOldProfile) {
  std::filesystem::create_directory(folder_ / "empty");
  expect_refused(calibrate(folder_ / "empty"), "empty");
  expect_refused(calibrate(folder_ / "absent"), "absent");
  folder_.write("photos/a.jpg", "no image");
  expect_refused(calibrate(folder_ / "photos", {"--preprocess", "size=32x32 type=u8"}), "a.jpg");
  expect_refused(calibrate(kData, {"--preprocess", "sise=3"}), "sise");

  const auto refused = [&](const data::NamedSpan& array, const std::string& what) {
    ASSERT_TRUE(data::write_npz(folder_ / "in.npz", {array}).ok());
    expect_refused(calibrate(folder_ / "in.npz", {"--threads", "2"}), what);
  };
  const data::Tensor narrow = *data::make_tensor(DType::kU8, {1, 3, 32, 31});
  refused({"image", narrow}, "in.npz");
  data::Tensor reals = *data::make_tensor(DType::kF32, {1, 3, 32, 32});
  reals.elements<float>()[7] = .5f;
  refused({"image", reals}, "f32 elements do not become u8");
  ASSERT_TRUE(data::write_npz(folder_ / "in.npz", {{"picture", narrow}, {"other", narrow}}).ok());
  expect_refused(calibrate(folder_ / "in.npz"), "in.npz");
}

/// The samples before the broken one do not make a profile.
TEST_F(Calibrate, ABrokenSampleAmongMany) {
  for (int i = 0; i < 6; ++i) {
    const data::Tensor image = *data::make_tensor(DType::kU8, {1, 3, 32, i == 4 ? 30 : 32});
    ASSERT_TRUE(data::write_npz(folder_ / concat("in_", i, ".npz"), {{"image", image}}).ok());
    std::filesystem::create_directory(folder_ / "set");
    std::filesystem::rename(folder_ / concat("in_", i, ".npz"), folder_ / concat("set/in_", i, ".npz"));
  }
  for (const char* threads : {"1", "4"}) expect_refused(calibrate(folder_ / "set", {"--threads", threads}), "in_4.npz");
}

TEST_F(Calibrate, AProfileOfAnotherModelIsRefused) {
  std::string other = *data::read_file(kModel);
  other[other.size() / 2] ^= 1;  // a weight
  const CommandResult made = test::run_command(
      {TEGULA_AOTC, "calibrate", folder_.write("other.onnx", other), "--data", kData, "-o", folder_ / "other.json"});
  ASSERT_EQ(made.code, 0) << made.err;
  expect_refused(calibrate(kData, {"--merge", folder_ / "other.json"}), "of another model, 'other.onnx'");
  expect_refused(calibrate(kData, {"--merge", folder_.write("bad.json", "{")}), "no calibration profile");
}

TEST_F(Calibrate, ACollectorFindsRangesOfItsOwn) {
  ASSERT_EQ(calibrate(kData).code, 0);
  const Profile without = profile();
  const CommandResult result =
      calibrate(kData, {"--threads", "2", "--print-ranges", "--collector",
                        std::string(TEGULA_SAMPLE_COLLECTOR) + "=k=2", "--collector", TEGULA_FAULTY_COLLECTOR});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("deviation ["));
  Profile with = profile();
  EXPECT_EQ(with.tensors.at("probabilities").collected.at("faulty"), (compiler::Range{-1, 1}));
  EXPECT_EQ(with.tensors.at("/Mul_output_0").collected.size(), 1u) << "a collector may want some tensors only";
  for (auto& [name, tensor] : with.tensors) {
    const compiler::Range range = tensor.collected.at("deviation");
    EXPECT_GE(range.low, tensor.extremes.low) << name;
    EXPECT_LE(range.high, tensor.extremes.high) << name;
    tensor.collected.clear();
  }
  EXPECT_EQ(with, without) << "the rest of the profile is the same";
}

TEST_F(Calibrate, FaultyCollectorsAreOneLine) {
  const auto refused = [&](const char* fault, const std::string& what) {
    ::setenv("TEGULA_FAULT", fault, 1);
    expect_refused(calibrate(kData, {"--collector", TEGULA_FAULTY_COLLECTOR}), what);
    ::unsetenv("TEGULA_FAULT");
  };
  refused("null", "returns no table");
  refused("version", "version 2 of tegula/collector.h; this aotc has version 1");
  refused("size", "its table has 8 bytes");
  refused("function", "lacks create, collect, range or destroy");
  refused("name", "not 'a name'");
  refused("taken", "'kl' is one of aotc's own");
  refused("create", "refuses its options ''");
  refused("collect", "tensor 'probabilities' of sample 2: 'the third sample is odd'");
  refused("silent", "no reason given");
  refused("range", "range of tensor 'probabilities': 'cannot decide'");
  refused("nan", "both ends are finite");
  refused("order", "[2, 1] is none");
  ::setenv("TEGULA_FAULT", "none", 1);
  EXPECT_EQ(calibrate(kData, {"--collector", TEGULA_FAULTY_COLLECTOR}).code, 0);
  ::unsetenv("TEGULA_FAULT");
  folder_.write("p.json", "old");
  expect_refused(calibrate(kData, {"--collector", folder_ / "absent.so"}), "absent.so");
  expect_refused(calibrate(kData, {"--collector", folder_.write("text.so", "no library")}), "cannot be loaded");
  expect_refused(calibrate(kData, {"--collector", std::string(TEGULA_SAMPLE_COLLECTOR) + "=k=x"}), "expected k=NUMBER");
  expect_refused(calibrate(kData, {"--collector", TEGULA_SAMPLE_COLLECTOR, "--collector", TEGULA_SAMPLE_COLLECTOR}),
                 "two collectors are named 'deviation'");
}

}  // namespace
}  // namespace tegula::driver
