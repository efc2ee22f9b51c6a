// Real, trained models on real inputs, against the outputs that another runtime gave for exactly these inputs: the
// numbers, the decisions, and the promise that every ISA and every number of threads gives the same bytes.
#include <gtest/gtest.h>

#include <cstring>

#include "compiler/data/npz.h"
#include "tests/support/model_runner.h"

namespace tegula::test {
namespace {

constexpr Normalisation kImageNetRgb = {1.0f / 255, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}, false};
constexpr Normalisation kImageNetBgr = {1, {103.939f, 116.779f, 123.68f}, {1, 1, 1}, true};
constexpr Normalisation kCifar = {1.0f / 255, {0.4914f, 0.4822f, 0.4465f}, {0.2023f, 0.1994f, 0.2010f}, false};

struct Case {
  const char* model;
  const char* input;
  const char* images;  ///< .npz under images/
  const char* pixels;  ///< its array of pixels
  bool channels_last;
  Normalisation normalisation;
  const char* expected;  ///< .npz under expected/, array `logits`
  int64_t batch;         ///< that the model takes at once
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.model;
}

const Case kCases[] = {
    {"squeezenet_fp32", "data_0", "imagenet_32_u8_nhwc", "images", true, kImageNetBgr, "squeezenet_fp32_imagenet_32",
     1},
    {"mobilenetv2_fp32", "input", "imagenet_32_u8_nhwc", "images", true, kImageNetRgb, "mobilenetv2_fp32_imagenet_32",
     8},
    {"cifar10_mobilenetv2_fp32", "input.1", "cifar10_test_200", "images_nchw_u8", false, kCifar,
     "cifar10_mobilenetv2_fp32_cifar10_200", 1},
    {"cifar10_vit", "input", "cifar10_test_200", "images_nchw_u8", false, kCifar, "cifar10_vit_cifar10_200", 8},
};

data::Tensor load(const std::filesystem::path& file, std::string_view array) {
  const auto tensor = data::read_npz_array(file, array);
  EXPECT_TRUE(tensor.ok()) << (tensor.ok() ? "" : tensor.error().message);
  return tensor.ok() ? *tensor : data::Tensor();
}

void expect_same_bytes(const std::vector<std::byte>& file, const Tensors& inputs) {
  const auto want = run_bytes(file, inputs);
  ASSERT_TRUE(want.ok()) << want.error().message;
  for (const char* isa : {"", "avx512", "avx2", "reference"})
    for (const int threads : {1, 2}) {
      const auto got = run_bytes(file, inputs, {isa, threads});
      ASSERT_TRUE(got.ok()) << got.error().message;
      for (std::size_t i = 0; i < want->size(); ++i)
        EXPECT_EQ((*got)[i].tensor.bytes, (*want)[i].tensor.bytes)
            << (*got)[i].name << " with isa '" << isa << "' and " << threads << " threads";
    }
}

class RealModel : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto folder = test_data();
    if (!folder) GTEST_SKIP() << "no test data (set TEGULA_TEST_DATA)";
    folder_ = *folder;
    auto file = compile_model(folder_ / "models" / (std::string(GetParam().model) + ".onnx"));
    ASSERT_TRUE(file.ok()) << file.error().message;
    file_ = *std::move(file);
  }

  data::Tensor images() const {
    const Case& c = GetParam();
    return normalise(load(folder_ / "images" / (std::string(c.images) + ".npz"), c.pixels), c.channels_last,
                     c.normalisation);
  }
  Tensors feed(const data::Tensor& all, int64_t begin, int64_t count) const {
    return {{GetParam().input, *data::slice_outermost(all, begin, count)}};
  }

  std::filesystem::path folder_;
  std::vector<std::byte> file_;
};

TEST_P(RealModel, GivesTheExpectedOutputs) {
  const data::Tensor inputs = images();
  const data::Tensor want = load(folder_ / "expected" / (std::string(GetParam().expected) + ".npz"), "logits");
  const auto program = Program::open(std::span<const std::byte>(file_));
  ASSERT_TRUE(program.ok()) << program.error().message;
  auto instance = Instance::create(*program);
  ASSERT_TRUE(instance.ok()) << instance.error().message;

  auto got = data::make_tensor(DType::kF32, want.dims);
  std::byte* to = got->bytes.data();
  for (int64_t i = 0; i < inputs.dims[0]; i += GetParam().batch) {
    const auto outputs =
        run_instance(*program, *instance, feed(inputs, i, std::min(GetParam().batch, inputs.dims[0] - i)));
    ASSERT_TRUE(outputs.ok()) << outputs.error().message;
    const data::Tensor& logits = outputs->front().tensor;
    ASSERT_LE(to + logits.bytes.size(), got->bytes.data() + got->bytes.size());
    to = std::copy(logits.bytes.begin(), logits.bytes.end(), to);
  }
  EXPECT_LE(relative_error(*got, want), 1e-4);
  EXPECT_EQ(top1(*got), top1(want));
  const Instance::Memory memory = instance->memory();
  EXPECT_LE(static_cast<double>(memory.arena_bytes), 1.15 * static_cast<double>(memory.largest_live_bytes));
}

TEST_P(RealModel, GivesTheSameBytesOnEveryIsaAndThreadCount) {
  const Tensors inputs = feed(images(), 0, GetParam().batch > 1 ? 2 : 1);
  expect_same_bytes(file_, inputs);
}

TEST_P(RealModel, AnyBatchEqualsSeparateRuns) {
  if (GetParam().batch == 1) GTEST_SKIP() << "the model's batch is fixed";
  const data::Tensor inputs = images();
  const auto program = Program::open(std::span<const std::byte>(file_));
  ASSERT_TRUE(program.ok());
  auto instance = Instance::create(*program);
  ASSERT_TRUE(instance.ok());
  for (const int64_t batch : {1, 3, 16}) {
    const auto together = run_instance(*program, *instance, feed(inputs, 0, batch));
    ASSERT_TRUE(together.ok()) << together.error().message;
    const std::byte* bytes = together->front().tensor.bytes.data();
    for (int64_t i = 0; i < batch; ++i) {
      const auto alone = run_instance(*program, *instance, feed(inputs, i, 1));
      ASSERT_TRUE(alone.ok()) << alone.error().message;
      const data::Tensor& row = alone->front().tensor;
      ASSERT_EQ(std::memcmp(row.bytes.data(), bytes, row.bytes.size()), 0)
          << "image " << i << " of a batch of " << batch;
      bytes += row.bytes.size();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RealModel, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.model); });

/// Models whose inputs and outputs are stored together.
TEST(RealModels, MnistGivesTheExpectedLogitsOnEveryIsa) {
  const auto folder = test_data();
  if (!folder) GTEST_SKIP() << "no test data (set TEGULA_TEST_DATA)";
  const auto file = compile_model(*folder / "models/mnist.onnx");
  ASSERT_TRUE(file.ok()) << file.error().message;
  const data::Tensor digits = load(*folder / "expected/mnist.npz", "Input3"),
                     want = load(*folder / "expected/mnist.npz", "logits");
  const Tensors inputs = {{"Input3", *data::slice_outermost(digits, 0, 1)}};
  const auto got = run_bytes(*file, inputs);
  ASSERT_TRUE(got.ok()) << got.error().message;
  // These logits were stored by a runtime of lower precision: other fp32 runtimes differ from them by 3.95e-4 and from
  // each other by less than 1e-6.
  EXPECT_LE(relative_error(got->front().tensor, want), 4e-4);
  EXPECT_EQ(top1(got->front().tensor), std::vector<int64_t>{8});
  expect_same_bytes(*file, inputs);
}

TEST(RealModels, UltrafaceGivesTheExpectedScoresAndBoxesOnEveryIsa) {
  const auto folder = test_data();
  if (!folder) GTEST_SKIP() << "no test data (set TEGULA_TEST_DATA)";
  const auto file = compile_model(*folder / "models/ultraface_rfb320.onnx");
  ASSERT_TRUE(file.ok()) << file.error().message;
  const std::filesystem::path expected = *folder / "expected/ultraface_rfb320_faces_4.npz";
  const data::Tensor inputs = load(expected, "input");
  for (int64_t i = 0; i < inputs.dims[0]; ++i) {
    const auto got = run_bytes(*file, {{"input", *data::slice_outermost(inputs, i, 1)}});
    ASSERT_TRUE(got.ok()) << got.error().message;
    for (const data::NamedTensor& output : *got)
      EXPECT_LE(relative_error(output.tensor, *data::slice_outermost(load(expected, output.name), i, 1)), 1e-4)
          << output.name;
  }
  expect_same_bytes(*file, {{"input", *data::slice_outermost(inputs, 0, 1)}});
}

}  // namespace
}  // namespace tegula::test
