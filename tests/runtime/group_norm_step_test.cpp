// Group norm through the public API, for any number of threads.
#include <gtest/gtest.h>

#include "kernels/normalize/group_norm.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using test::make_instance;
using test::message_of;
using test::open_program;
using test::ProgramBuilder;
using test::Tensor;

TEST(GroupNormStep, EqualsThePlainLoops) {
  constexpr int64_t kChannels = 96;
  std::vector<float> scale(kChannels), bias(kChannels);
  for (std::size_t i = 0; i < scale.size(); ++i) {
    scale[i] = 0.5f + static_cast<float>(i) * 0.01f;
    bias[i] = static_cast<float>(i) - 40.0f;
  }
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 0, 8), height = b.symbol("height", 0, 100);
  const int32_t x = b.input("x", DType::kF32, {batch, height, 5, kChannels});
  const int32_t y = b.output("y", DType::kF32, {batch, height, 5, kChannels});
  schema::GroupNormT attributes;
  attributes.groups = 8;
  attributes.epsilon = 1e-5f;
  b.step(attributes, {x, b.constant("scale", {kChannels}, scale), b.constant("bias", {kChannels}, bias)}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  for (const int threads : {1, 3}) {
    Instance instance = make_instance(program, threads);
    for (const auto& [images, rows] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {2, 30}, {8, 7}, {0, 3}, {1, 0}}) {
      auto in = Tensor<float>::iota({images, rows, 5, kChannels});
      Tensor<float> out({images, rows, 5, kChannels}), expected({images, rows, 5, kChannels});
      ASSERT_EQ(
          message_of(instance.run(std::vector<NamedInput>{{"x", in.in()}}, std::vector<NamedOutput>{{"y", out.out()}})),
          "ok");
      const auto view = [](const Dims& dims, std::vector<float>& elements) {
        return kernels::TensorView::contiguous(DType::kF32, dims, static_cast<void*>(elements.data()));
      };
      const std::vector inputs = {view(in.dims, in.elements), view({kChannels}, scale), view({kChannels}, bias)};
      ASSERT_TRUE(kernels::group_norm({.groups = 8}, inputs, std::vector{view(out.dims, expected.elements)}).ok());
      ASSERT_EQ(out.elements, expected.elements) << threads << " threads, " << to_string(in.dims);
    }
  }
}

TEST(GroupNormStep, RefusesGroupsThatDoNotDivide) {
  ProgramBuilder b;
  const int32_t x = b.input("x", DType::kF32, {1, 3, 4}), y = b.output("y", DType::kF32, {1, 3, 4});
  const int32_t ones = b.constant("ones", {4}, std::vector<float>(4, 1.0f));
  schema::GroupNormT attributes;
  attributes.groups = 3;
  b.step(attributes, {x, ones, ones}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  auto in = Tensor<float>::iota({1, 3, 4});
  Tensor<float> out({1, 3, 4});
  EXPECT_NE(
      message_of(instance.run(std::vector<NamedInput>{{"x", in.in()}}, std::vector<NamedOutput>{{"y", out.out()}})),
      "ok");
}

}  // namespace
}  // namespace tegula
