// The full-size graphs among ONNX's own backend tests. Their weights are constants, so outputs are flat: they show that
// a graph is understood.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/literal_pb.h"
#include "tests/support/model_runner.h"

namespace tegula::test {
namespace {

class LightModel : public testing::TestWithParam<const char*> {};

/// ONNX's input for these graphs: arange(n) / n.
data::Tensor ramp(const TensorInfo& info) {
  Dims dims;
  for (const Dimension& dimension : info.dims) dims.push_back(dimension.size);
  data::Tensor tensor = *data::make_tensor(info.dtype, dims);
  const std::span<float> elements = tensor.elements<float>();
  for (std::size_t i = 0; i < elements.size(); ++i)
    elements[i] = static_cast<float>(static_cast<double>(i) / static_cast<double>(elements.size()));
  return tensor;
}

TEST_P(LightModel, GivesTheExpectedOutput) {
  const auto folder = test_data();
  if (!folder) GTEST_SKIP() << "no test data (set TEGULA_TEST_DATA)";
  const std::filesystem::path light = *folder / "onnx_backend/light";
  const auto file = compile_model(light / (std::string("light_") + GetParam() + ".onnx"));
  ASSERT_TRUE(file.ok()) << file.error().message;
  const auto want = test::read_literal_pb(light / (std::string("light_") + GetParam() + "_output_0.pb"));
  ASSERT_TRUE(want.ok()) << want.error().message;

  const auto program = Program::open(std::span<const std::byte>(*file));
  ASSERT_TRUE(program.ok()) << program.error().message;
  ASSERT_EQ(program->inputs().size(), 1u);
  auto instance = Instance::create(*program);
  ASSERT_TRUE(instance.ok()) << instance.error().message;
  const auto got = run_instance(*program, *instance, {{program->inputs()[0].name, ramp(program->inputs()[0])}});
  ASSERT_TRUE(got.ok()) << got.error().message;
  const data::Tensor& output = got->front().tensor;
  ASSERT_EQ(output.dims, want->dims());
  const std::vector<double> expected = want->to_doubles();
  for (std::size_t i = 0; i < expected.size(); ++i)  // ONNX's own tolerance for these
    ASSERT_NEAR(output.elements<float>()[i], expected[i], 1e-7 + 1e-3 * std::abs(expected[i])) << "element " << i;
}

INSTANTIATE_TEST_SUITE_P(Backend, LightModel,
                         testing::Values("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50",
                                         "shufflenet", "squeezenet", "vgg19", "zfnet512"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tegula::test
