// Steps of quantized networks besides gemm and convolution, through the public API, for any number of threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/float16.h"
#include "kernels/gemm/pack.h"
#include "kernels/quantize/dynamic_quantize.h"
#include "schema/function.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using test::message_of;
using test::ProgramBuilder;
using test::Tensor;

constexpr int64_t kChannels = 37, kSize = 9;
constexpr int32_t kZeroX = 121, kZeroY = 33;

struct DepthwiseProgram {
  ProgramBuilder b;
  std::vector<int8_t> weights;  // [channels, 3, 3]
  std::vector<int32_t> bias;
  std::vector<float> multipliers;
  schema::ConvT conv;
  int32_t x = -1, w = -1, bias_value = -1, y = -1;

  DepthwiseProgram() {
    std::mt19937 random(5);
    weights.resize(kChannels * 9);
    for (int8_t& e : weights) e = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    for (int64_t c = 0; c < kChannels; ++c) {
      bias.push_back(static_cast<int32_t>(random() % 4000) - 2000);
      multipliers.push_back(1.0f / static_cast<float>(300 + random() % 300));
    }
    x = b.input("x", DType::kU8, {2, kSize, kSize, kChannels});
    y = b.output("y", DType::kU8, {2, kSize, kSize, kChannels});
    const kernels::PackedDepthwise packed{.channels = kChannels, .taps = 9, .element_bytes = 1};
    std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
    pack_depthwise(packed, weights.data(), bytes.data());
    w = b.constant("w", DType::kS8, {9, kChannels}, bytes, Packing::kDepthwise);
    bias_value = b.constant<int32_t>("bias", {kChannels}, bias);
    conv.kernel = {3, 3};
    conv.strides = conv.dilations = {1, 1};
    conv.pads_begin = conv.pads_end = {1, 1};
    conv.groups = kChannels;
    conv.requantize = std::make_unique<schema::RequantizeT>();
    conv.requantize->multipliers = b.constant<float>("multipliers", {kChannels}, multipliers);
    conv.requantize->src_zero_point = kZeroX;
    conv.requantize->dst_zero_point = kZeroY;
  }

  schema::StepT& add_step() { return b.step(conv, {x, w, bias_value}, {y}); }
};

TEST(QuantizedSteps, DepthwiseConvolution) {
  DepthwiseProgram network;
  network.add_step();
  const auto file = network.b.file();
  const Program program = test::open_program(file);
  std::mt19937 random(6);
  for (const int threads : {1, 3}) {
    Instance instance = test::make_instance(program, threads);
    Tensor<uint8_t> x({2, kSize, kSize, kChannels}), y({2, kSize, kSize, kChannels});
    for (uint8_t& e : x.elements) e = static_cast<uint8_t>(random());
    ASSERT_EQ(
        message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}})),
        "ok");
    std::size_t at = 0;
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t h = 0; h < kSize; ++h)
        for (int64_t w = 0; w < kSize; ++w)
          for (int64_t c = 0; c < kChannels; ++c, ++at) {
            int32_t acc = network.bias[static_cast<std::size_t>(c)];
            for (int64_t tap = 0; tap < 9; ++tap) {
              const int64_t sh = h + tap / 3 - 1, sw = w + tap % 3 - 1;
              const bool inside = sh >= 0 && sh < kSize && sw >= 0 && sw < kSize;
              const auto from = static_cast<std::size_t>(((n * kSize + sh) * kSize + sw) * kChannels + c);
              acc += (inside ? x.elements[from] : kZeroX) * network.weights[static_cast<std::size_t>(c * 9 + tap)];
            }
            const float f = static_cast<float>(acc) * network.multipliers[static_cast<std::size_t>(c)];
            ASSERT_EQ(y.elements[at], static_cast<uint8_t>(std::clamp(std::nearbyint(f) + kZeroY, 0.0f, 255.0f))) << at;
          }
  }
}

TEST(QuantizedSteps, DepthwiseConvolutionWithAQuantizedResidual) {
  // relu(conv + residual), where the residual is u8 with a scale of its own.
  DepthwiseProgram network;
  const int32_t residual = network.b.input("residual", DType::kU8, {2, kSize, kSize, kChannels});
  network.conv.requantize->dst_scale_inverse = 1.5f;
  schema::StepT& step = network.add_step();
  step.post_ops.push_back(std::make_unique<schema::PostOpT>());
  step.post_ops.back()->function = static_cast<uint16_t>(Function::k_add);
  step.post_ops.back()->operand = residual;
  step.post_ops.back()->operand_scale = 0.25f;
  step.post_ops.back()->operand_zero_point = 99;
  step.post_ops.push_back(std::make_unique<schema::PostOpT>());
  step.post_ops.back()->function = static_cast<uint16_t>(Function::k_relu);
  const auto file = network.b.file();
  const Program program = test::open_program(file);
  Instance instance = test::make_instance(program, 2);
  std::mt19937 random(10);
  Tensor<uint8_t> x({2, kSize, kSize, kChannels}), added({2, kSize, kSize, kChannels}), y({2, kSize, kSize, kChannels});
  for (uint8_t& e : x.elements) e = static_cast<uint8_t>(random());
  for (uint8_t& e : added.elements) e = static_cast<uint8_t>(random());
  ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}, {"residual", added.in()}},
                                    std::vector<NamedOutput>{{"y", y.out()}})),
            "ok");
  // An inner pixel: every tap exists.
  for (int64_t c = 0; c < kChannels; ++c) {
    int32_t acc = network.bias[static_cast<std::size_t>(c)];
    for (int64_t tap = 0; tap < 9; ++tap)
      acc += x.elements[static_cast<std::size_t>(((3 + tap / 3) * kSize + 4 + tap % 3) * kChannels + c)] *
             network.weights[static_cast<std::size_t>(c * 9 + tap)];
    const auto at = static_cast<std::size_t>((4 * kSize + 5) * kChannels + c);
    const float sum = static_cast<float>(acc) * network.multipliers[static_cast<std::size_t>(c)];
    const float f = std::max(sum + (static_cast<float>(added.elements[at]) - 99.0f) * 0.25f, 0.0f);
    ASSERT_EQ(y.elements[at], static_cast<uint8_t>(std::clamp(std::nearbyint(f * 1.5f) + kZeroY, 0.0f, 255.0f))) << c;
  }
}

TEST(QuantizedSteps, DepthwiseRefusesOperandsThatDoNotFit) {
  const auto message = [](const auto& damage) {
    DepthwiseProgram network;
    damage(network);
    network.add_step();
    const auto file = network.b.file();
    const Result<Program> program = Program::open(file, {});
    if (!program.ok()) return program.error().message;
    Result<Instance> instance = Instance::create(*program, {.threads = 1});
    if (!instance.ok()) return instance.error().message;
    Tensor<uint8_t> x({2, kSize, kSize, kChannels}), y({2, kSize, kSize, kChannels});
    return message_of(instance->run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}}));
  };
  EXPECT_EQ(message([](DepthwiseProgram&) {}), "ok");
  EXPECT_NE(message([](DepthwiseProgram& n) { n.conv.requantize->multipliers = -1; }).find("without multipliers"),
            std::string::npos);
  EXPECT_NE(
      message([](DepthwiseProgram& n) { n.conv.requantize->multipliers = n.bias_value; }).find("multipliers of s32"),
      std::string::npos);
  EXPECT_NE(message([](DepthwiseProgram& n) { n.conv.requantize->src_zero_point = 256; }).find("zero points 256"),
            std::string::npos);
  EXPECT_NE(message([](DepthwiseProgram& n) { n.conv.requantize->dst_scale_inverse = INFINITY; }).find("inverse scale"),
            std::string::npos);
  EXPECT_NE(message([](DepthwiseProgram& n) { n.conv.groups = 1; }).find("depthwise weights"), std::string::npos);
  EXPECT_NE(message([](DepthwiseProgram& n) { n.conv.kernel = {3, 2}; }).find("step"), std::string::npos);
}

TEST(QuantizedSteps, DepthwiseConvolutionOfBf16) {
  // Several bands of rows (a row of the source is 42 KB of fp32), strides and padding, to bf16 and to f32.
  std::mt19937 random(11);
  const auto bf16 = [&] { return kernels::bf16_from_f32(static_cast<float>(random() % 2000) / 500.0f - 2.0f); };
  constexpr int64_t kRows = 33, kColumns = 70, kDepth = 150;
  for (const int64_t stride : {1, 2})
    for (const DType type : {DType::kBF16, DType::kF32}) {
      const int64_t rows = (kRows - 1) / stride + 1, columns = (kColumns - 1) / stride + 1;
      std::vector<uint16_t> weights(kDepth * 9);
      for (uint16_t& w : weights) w = bf16();
      std::vector<float> bias(kDepth);
      for (float& e : bias) e = static_cast<float>(random() % 100) / 10;
      ProgramBuilder b;
      const int32_t x = b.input("x", DType::kBF16, {2, kRows, kColumns, kDepth});
      const int32_t y = b.output("y", type, {2, rows, columns, kDepth});
      const kernels::PackedDepthwise packed{.channels = kDepth, .taps = 9, .element_bytes = 2};
      std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
      pack_depthwise(packed, weights.data(), bytes.data());
      schema::ConvT conv;
      conv.kernel = {3, 3};
      conv.strides = {static_cast<uint64_t>(stride), static_cast<uint64_t>(stride)};
      conv.dilations = {1, 1};
      conv.pads_begin = conv.pads_end = {1, 1};
      conv.groups = kDepth;
      schema::StepT& step = b.step(conv,
                                   {x, b.constant("w", DType::kBF16, {9, kDepth}, bytes, Packing::kDepthwise),
                                    b.constant<float>("bias", {kDepth}, bias)},
                                   {y});
      step.post_ops.push_back(std::make_unique<schema::PostOpT>());
      step.post_ops.back()->function = static_cast<uint16_t>(Function::k_relu);
      const auto file = b.file();
      const Program program = test::open_program(file);
      Instance instance = test::make_instance(program, 3);
      std::vector<uint16_t> in(2 * kRows * kColumns * kDepth);
      for (uint16_t& e : in) e = bf16();
      const Dims in_dims{2, kRows, kColumns, kDepth}, out_dims{2, rows, columns, kDepth};
      std::vector<std::byte> out(static_cast<std::size_t>(element_count(out_dims)) * size_of(type));
      ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", {DType::kBF16, in_dims, in.data()}}},
                                        std::vector<NamedOutput>{{"y", {type, out_dims, out.data()}}})),
                "ok");
      std::size_t at = 0;
      for (int64_t n = 0; n < 2; ++n)
        for (int64_t h = 0; h < rows; ++h)
          for (int64_t w = 0; w < columns; ++w)
            for (int64_t c = 0; c < kDepth; ++c, ++at) {
              float sum = 0;
              for (int64_t tap = 0; tap < 9; ++tap) {
                const int64_t sh = h * stride + tap / 3 - 1, sw = w * stride + tap % 3 - 1;
                const bool inside = sh >= 0 && sh < kRows && sw >= 0 && sw < kColumns;
                const auto from = static_cast<std::size_t>(((n * kRows + sh) * kColumns + sw) * kDepth + c);
                sum = std::fma(inside ? kernels::f32_from_bf16(in[from]) : 0.0f,
                               kernels::f32_from_bf16(weights[static_cast<std::size_t>(c * 9 + tap)]), sum);
              }
              const float result = std::max(sum + bias[static_cast<std::size_t>(c)], 0.0f);
              if (type == DType::kF32) {
                ASSERT_EQ(reinterpret_cast<const float*>(out.data())[at], result) << at;
              } else {
                ASSERT_EQ(reinterpret_cast<const uint16_t*>(out.data())[at], kernels::bf16_from_f32(result)) << at;
              }
            }
    }
}

TEST(QuantizedSteps, DynamicQuantizeByRow) {
  ProgramBuilder b;
  const auto rows = b.symbol("rows", 0, 1000);
  const int32_t x = b.input("x", DType::kF32, {rows, 50}), q = b.output("q", DType::kU8, {rows, 50}),
                scale = b.output("scale", DType::kF32, {rows}), zero_point = b.output("z", DType::kS32, {rows});
  schema::DynamicQuantizeT attributes;
  attributes.per_row = true;
  b.step(attributes, {x}, {q, scale, zero_point});
  const auto file = b.file();
  const Program program = test::open_program(file);
  std::mt19937 random(7);
  for (const int threads : {1, 3})
    for (const int64_t count : {0, 1, 77, 700}) {
      Instance instance = test::make_instance(program, threads);
      Tensor<float> in({count, 50});
      for (float& e : in.elements) e = static_cast<float>(random() % 1000) / 100 - 3;
      Tensor<uint8_t> out({count, 50});
      Tensor<float> scales({count});
      Tensor<int32_t> zero_points({count});
      ASSERT_EQ(message_of(instance.run(
                    std::vector<NamedInput>{{"x", in.in()}},
                    std::vector<NamedOutput>{{"q", out.out()}, {"scale", scales.out()}, {"z", zero_points.out()}})),
                "ok");
      for (std::size_t r = 0; r < static_cast<std::size_t>(count); ++r) {
        kernels::ValueRange range;
        for (std::size_t c = 0; c < 50; ++c) range.include(in.elements[r * 50 + c]);
        const auto expected = kernels::quantization_of(range, DType::kU8);
        ASSERT_EQ(scales.elements[r], expected.scale);
        ASSERT_EQ(zero_points.elements[r], expected.zero_point);
        for (std::size_t c = 0; c < 50; ++c)
          ASSERT_EQ(out.elements[r * 50 + c],
                    static_cast<uint8_t>(std::clamp(std::nearbyint(in.elements[r * 50 + c] / expected.scale) +
                                                        static_cast<float>(expected.zero_point),
                                                    0.0f, 255.0f)));
      }
    }
}

TEST(QuantizedSteps, DynamicQuantizeOfAWholeTensor) {
  ProgramBuilder b;
  const int32_t x = b.input("x", DType::kF32, {300, 70}), q = b.output("q", DType::kU8, {300, 70}),
                scale = b.output("scale", DType::kF32, {}), zero_point = b.output("z", DType::kU8, {});
  b.step(schema::DynamicQuantizeT(), {x}, {q, scale, zero_point});
  const auto file = b.file();
  const Program program = test::open_program(file);
  std::mt19937 random(8);
  for (const int threads : {1, 3}) {
    Instance instance = test::make_instance(program, threads);
    Tensor<float> in({300, 70}), scales(Dims{});
    for (float& e : in.elements) e = static_cast<float>(random() % 1000) / 100 - 3;
    Tensor<uint8_t> out({300, 70}), zero_points(Dims{}), expected({300, 70});
    ASSERT_EQ(message_of(instance.run(
                  std::vector<NamedInput>{{"x", in.in()}},
                  std::vector<NamedOutput>{{"q", out.out()}, {"scale", scales.out()}, {"z", zero_points.out()}})),
              "ok");
    kernels::ValueRange range;
    for (const float e : in.elements) range.include(e);
    const auto parameters = kernels::quantization_of(range, DType::kU8);
    EXPECT_EQ(scales.elements[0], parameters.scale);
    EXPECT_EQ(zero_points.elements[0], parameters.zero_point);
    for (std::size_t i = 0; i < in.elements.size(); ++i)
      expected.elements[i] = static_cast<uint8_t>(std::clamp(
          std::nearbyint(in.elements[i] / parameters.scale) + static_cast<float>(parameters.zero_point), 0.0f, 255.0f));
    EXPECT_EQ(out.elements, expected.elements);
  }
}

TEST(QuantizedSteps, DynamicQuantizeByImage) {
  ProgramBuilder b;
  const auto images = b.symbol("images", 0, 100);
  const int32_t x = b.input("x", DType::kF32, {images, 90, 70}), q = b.output("q", DType::kU8, {images, 90, 70}),
                scale = b.output("scale", DType::kF32, {images, 1, 1}),
                zero_point = b.output("z", DType::kS32, {images, 1, 1});
  schema::DynamicQuantizeT attributes;
  attributes.per_row = true;  // as long as there are scales for
  b.step(attributes, {x}, {q, scale, zero_point});
  const auto file = b.file();
  const Program program = test::open_program(file);
  std::mt19937 random(9);
  constexpr std::size_t kImage = 90 * 70;
  for (const int threads : {1, 3})
    for (const int64_t count : {0, 1, 5, 23}) {
      Instance instance = test::make_instance(program, threads);
      Tensor<float> in({count, 90, 70}), scales({count, 1, 1});
      for (std::size_t i = 0; i < in.elements.size(); ++i)
        in.elements[i] = static_cast<float>(i / kImage + 1) * (static_cast<float>(random() % 1000) / 100 - 3);
      Tensor<uint8_t> out({count, 90, 70});
      Tensor<int32_t> zero_points({count, 1, 1});
      ASSERT_EQ(message_of(instance.run(
                    std::vector<NamedInput>{{"x", in.in()}},
                    std::vector<NamedOutput>{{"q", out.out()}, {"scale", scales.out()}, {"z", zero_points.out()}})),
                "ok");
      for (std::size_t i = 0; i < in.elements.size(); ++i) {
        const std::size_t image = i / kImage;
        kernels::ValueRange range;
        if (i % kImage == 0)
          for (std::size_t j = 0; j < kImage; ++j) range.include(in.elements[i + j]);
        const auto expected = kernels::quantization_of(range, DType::kU8);
        if (i % kImage == 0) {
          ASSERT_EQ(scales.elements[image], expected.scale);
          ASSERT_EQ(zero_points.elements[image], expected.zero_point);
        }
        ASSERT_EQ(out.elements[i],
                  static_cast<uint8_t>(std::clamp(std::nearbyint(in.elements[i] / scales.elements[image]) +
                                                      static_cast<float>(zero_points.elements[image]),
                                                  0.0f, 255.0f)));
      }
    }
}

TEST(QuantizedSteps, PoolsAndMeans) {
  // u8 [b, 8, 6, 20] through a maximum over 2 x 2 to the mean of all positions, requantized to s8.
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 1, 16);
  const int32_t x = b.input("x", DType::kU8, {batch, 8, 6, 20}), middle = b.arena("m", DType::kU8, {batch, 4, 3, 20}),
                y = b.output("y", DType::kS8, {batch, 1, 1, 20});
  schema::PoolT pool;
  pool.kind = schema::PoolKind::Max;
  pool.kernel = pool.strides = {2, 2};
  pool.dilations = {1, 1};
  pool.pads_begin = pool.pads_end = {b.number(0).index, b.number(0).index};
  b.step(pool, {x}, {middle});
  schema::ReduceT mean;
  mean.kind = schema::ReduceKind::Mean;
  mean.axes = {1, 2};
  mean.ends = std::make_unique<schema::QuantizedEndsT>();
  mean.ends->src_scale = 0.5f;
  mean.ends->src_zero_point = 100;
  mean.ends->dst_scale_inverse = 3.0f;
  mean.ends->dst_zero_point = -9;
  b.step(mean, {middle}, {y});
  const auto file = b.file();
  const Program program = test::open_program(file);
  std::mt19937 random(9);
  for (const int threads : {1, 3}) {
    Instance instance = test::make_instance(program, threads);
    Tensor<uint8_t> in({3, 8, 6, 20});
    Tensor<int8_t> out({3, 1, 1, 20});
    for (uint8_t& e : in.elements) e = static_cast<uint8_t>(random());
    ASSERT_EQ(
        message_of(instance.run(std::vector<NamedInput>{{"x", in.in()}}, std::vector<NamedOutput>{{"y", out.out()}})),
        "ok");
    for (int64_t n = 0; n < 3; ++n)
      for (int64_t c = 0; c < 20; ++c) {
        int32_t sum = 0;
        for (int64_t h = 0; h < 8; h += 2)
          for (int64_t w = 0; w < 6; w += 2) {
            const auto at = [&](int64_t dh, int64_t dw) {
              return in.elements[static_cast<std::size_t>(((n * 8 + h + dh) * 6 + w + dw) * 20 + c)];
            };
            sum += std::max({at(0, 0), at(0, 1), at(1, 0), at(1, 1)}) - 100;
          }
        const float f = static_cast<float>(sum) * (1.0f / 12.0f) * 0.5f;
        ASSERT_EQ(out.elements[static_cast<std::size_t>(n * 20 + c)],
                  static_cast<int8_t>(std::clamp(std::nearbyint(f * 3.0f) - 9, -128.0f, 127.0f)));
      }
  }
}

}  // namespace
}  // namespace tegula
