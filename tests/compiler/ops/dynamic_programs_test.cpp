// Programs whose activations are quantized when they run: against their plain loops, and sample by sample.
#include <gtest/gtest.h>

#include <cmath>

#include "compiler/driver/compile.h"
#include "compiler/ops/op_def.h"
#include "compiler/passes/pass.h"
#include "compiler/quantize/quantizer.h"
#include "tegula/instance.h"
#include "tegula/program.h"
#include "tests/support/graph_testing.h"
#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

TEST(DynamicPrograms, RangesByRowAndImage) {
  expect_program_computes(R"(
      q, s, z = dynamic_quantize(%x:f32[n,7,19]) {per_row=1, zero_point=s32}
      a = quantized_matmul(q, %w:s8[19,35]=random(1), -, %m:f32[35]=random(2), %zw:s32[35]=random(3), z, s) {post_ops=[relu]}
      b = quantized_matmul(q, %v:s8[21,19]=random(4), -, %k:f32[]=0.01, -, z, s) {transpose_b=1, post_ops=[add(%c:f32[21]=random(5))]}
      return a, b, s)");
  expect_program_computes(R"(
      q, s, z = dynamic_quantize(%x:f32[n,9,9,6]) {per_image=1, zero_point=s32}
      a = quantized_conv(q, %w:s8[20,6,3,3]=random(1), -, %m:f32[20]=random(2), -, z, s) {kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[1,1], channels_last=1, post_ops=[relu]}
      b = quantized_conv(q, %v:s8[20,6,1,1]=random(3), -, %k:f32[]=0.01, %zw:s32[20]=random(4), z, s) {kernel=[1,1], channels_last=1}
      g = quantized_conv(q, %u:s8[8,3,3,3]=random(5), -, %k, -, z, s) {kernel=[3,3], groups=2, pads_begin=[1,1], pads_end=[1,1], channels_last=1}
      d = quantized_conv(q, %t:s8[6,1,3,3]=random(6), -, %k, -, z, s) {kernel=[3,3], groups=6, pads_begin=[1,1], pads_end=[1,1], channels_last=1}
      return a, b, g, d, s, z)");
}

/// The model with all products quantized dynamically.
std::vector<std::byte> dynamic_program(std::string_view text) {
  Graph graph = graph_of(text);
  PassOptions passes;
  passes.quantize = [](Graph& g) {
    QuantizationOptions options;
    options.defaults.approach = Approach::kDynamic;
    return quantize(g, nullptr, options);
  };
  EXPECT_TRUE(run_pipeline(graph, passes).ok());
  int products = 0;
  for (const auto& node : graph.nodes())
    products += is_op(node.get(), "quantized_conv") || is_op(node.get(), "quantized_matmul");
  EXPECT_EQ(products, 5) << print(graph);
  auto bytes = write_program(graph, {}, {});
  EXPECT_TRUE(bytes.ok()) << bytes.error().message;
  return bytes.ok() ? *std::move(bytes) : std::vector<std::byte>{};
}

std::vector<float> run(Instance& instance, const float* x, int64_t batch) {
  std::vector<float> y(static_cast<std::size_t>(batch * 6 * 10));
  const Dims x_dims{batch, 5, 12, 12}, y_dims{batch, 6, 10};
  const auto status = instance.run(std::vector<NamedInput>{{"x", {DType::kF32, x_dims, x}}},
                                   std::vector<NamedOutput>{{"y", {DType::kF32, y_dims, y.data()}}});
  EXPECT_TRUE(status.ok()) << status.error().message;
  return y;
}

// Samples of very different sizes: a common range would leave nothing of the small ones.
TEST(DynamicPrograms, TheAnswerForASampleDoesNotDependOnItsBatch) {
  const std::vector<std::byte> bytes = dynamic_program(R"(
      c1 = conv(%x:f32[n,5,12,12], %w1:f32[24,5,3,3]=random(1), %b1:f32[24]=random(2)) {kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[1,1]}
      r1 = clip(c1) {alpha=0, beta=6}
      c2 = conv(r1, %w2:f32[24,1,3,3]=random(3)) {kernel=[3,3], groups=24, pads_begin=[1,1], pads_end=[1,1]}
      c3 = conv(c2, %w3:f32[6,24,1,1]=random(4)) {kernel=[1,1]}
      t = reshape(c3) {shape=[n,6,36]}
      m1 = matmul(t, %w4:f32[36,33]=random(5))
      g = gelu_erf(m1)
      y = matmul(g, %w5:f32[33,10]=random(6))
      return y)");
  constexpr int64_t kBatch = 7, kSample = 5 * 12 * 12, kAnswer = 6 * 10;
  std::vector<float> x(kBatch * kSample);
  uint32_t random = 1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    random = random * 1664525 + 1013904223;
    x[i] = std::pow(10.0f, static_cast<float>(i / kSample) - 3) * (static_cast<float>(random >> 16) / 65536.0f - 0.3f);
  }
  std::vector<std::vector<float>> answers;
  for (const auto& [isa, threads] : std::vector<std::pair<const char*, int>>{
           {"", 1}, {"", 2}, {"avx512_vnni", 1}, {"avx512", 2}, {"avx2_vnni", 1}, {"avx2", 2}, {"reference", 1}}) {
    const auto program = Program::open(std::span<const std::byte>(bytes), {.max_isa = isa});
    ASSERT_TRUE(program.ok()) << program.error().message;
    auto instance = Instance::create(*program, {.threads = threads});
    ASSERT_TRUE(instance.ok()) << instance.error().message;
    const std::vector<float> all = run(*instance, x.data(), kBatch);
    for (int64_t i = 0; i < kBatch; ++i) {
      const std::vector<float> alone = run(*instance, x.data() + i * kSample, 1);
      const std::vector<float> together(all.begin() + i * kAnswer, all.begin() + (i + 1) * kAnswer);
      EXPECT_EQ(alone, together) << "sample " << i << ", " << threads << " threads, " << isa;
      EXPECT_NE(alone, std::vector<float>(kAnswer, 0.0f));
    }
    answers.push_back(all);
    EXPECT_EQ(answers.front(), all) << threads << " threads, " << isa;
  }
}

}  // namespace
}  // namespace tegula::compiler
