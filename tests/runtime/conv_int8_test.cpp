// A quantized network by hand: u8 through two integer convolutions, with packed s8 weights, folded requantization and a
// residual in between, proves that file, plan and steps carry integers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "kernels/gemm/pack.h"
#include "schema/function.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using test::message_of;
using test::ProgramBuilder;
using test::Tensor;

constexpr int64_t kIn = 5, kMiddle = 18, kOut = 7, kHeight = 6, kWidth = 5;
constexpr int32_t kZeroX = 121, kZeroMiddle = 7, kZeroY = 33;

struct Layer {
  int64_t oc, ic, kernel;
  std::vector<int8_t> weights;  // [oc, ic, kernel, kernel]
  std::vector<int32_t> bias;    // real bias / (s_x * s_w), without the fold of the zero point
  std::vector<float> multipliers;

  Layer(int64_t out, int64_t in, int64_t k, std::mt19937& random) : oc(out), ic(in), kernel(k) {
    weights.resize(static_cast<std::size_t>(oc * ic * k * k));
    for (int8_t& w : weights) w = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    for (int64_t c = 0; c < oc; ++c) {
      bias.push_back(static_cast<int32_t>(random() % 4000) - 2000);
      multipliers.push_back(1.0f / static_cast<float>(600 + random() % 900));
    }
  }

  int32_t weight_sum(int64_t c) const {
    int32_t sum = 0;
    for (int64_t i = 0; i < ic * kernel * kernel; ++i)
      sum += weights[static_cast<std::size_t>(c * ic * kernel * kernel + i)];
    return sum;
  }
};

// One step of the program: the layer with its zero point folded into the bias, as the compiler does.
schema::StepT& add_layer(ProgramBuilder& b, const std::string& name, const Layer& layer, int32_t src, int32_t dst,
                         int32_t src_zero, int32_t dst_zero, float dst_scale_inverse) {
  kernels::PackedConv packed;
  packed.packing = Packing::kN16K4;
  packed.oc_per_group = layer.oc;
  packed.ic_per_group = layer.ic;
  packed.kernel_h = packed.kernel_w = layer.kernel;
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  pack_conv(packed, layer.weights.data(), bytes.data());
  const kernels::PackedMatrix block = packed.block();
  const int32_t weights =
      b.constant(name + ".weights", DType::kS8, {1, block.taps, block.k, block.n}, bytes, Packing::kN16K4);
  std::vector<int32_t> folded = layer.bias;
  for (int64_t c = 0; c < layer.oc; ++c) folded[static_cast<std::size_t>(c)] -= src_zero * layer.weight_sum(c);
  const int32_t bias = b.constant<int32_t>(name + ".bias", {layer.oc}, folded);
  const int32_t multipliers = b.constant<float>(name + ".multipliers", {layer.oc}, layer.multipliers);
  schema::ConvT conv;
  const auto k = static_cast<uint64_t>(layer.kernel);
  conv.kernel = {k, k};
  conv.strides = conv.dilations = {1, 1};
  conv.pads_begin = conv.pads_end = {(layer.kernel - 1) / 2, (layer.kernel - 1) / 2};
  conv.requantize = std::make_unique<schema::RequantizeT>();
  conv.requantize->multipliers = multipliers;
  conv.requantize->src_zero_point = src_zero;
  conv.requantize->dst_zero_point = dst_zero;
  conv.requantize->dst_scale_inverse = dst_scale_inverse;
  return b.step(conv, {src, weights, bias}, {dst});
}

// The same in plain arithmetic over [h, w, c]: f for each output, before it is quantized.
std::vector<float> layer_reference(const Layer& layer, const std::vector<uint8_t>& src, int32_t src_zero) {
  std::vector<float> result;
  const int64_t pad = (layer.kernel - 1) / 2;
  for (int64_t h = 0; h < kHeight; ++h)
    for (int64_t w = 0; w < kWidth; ++w)
      for (int64_t c = 0; c < layer.oc; ++c) {
        int32_t acc = layer.bias[static_cast<std::size_t>(c)];
        for (int64_t i = 0; i < layer.ic; ++i)
          for (int64_t y = 0; y < layer.kernel; ++y)
            for (int64_t x = 0; x < layer.kernel; ++x) {
              const int64_t sy = h + y - pad, sx = w + x - pad;
              if (sy < 0 || sy >= kHeight || sx < 0 || sx >= kWidth) continue;
              acc +=
                  (src[static_cast<std::size_t>((sy * kWidth + sx) * layer.ic + i)] - src_zero) *
                  layer.weights[static_cast<std::size_t>(((c * layer.ic + i) * layer.kernel + y) * layer.kernel + x)];
            }
        result.push_back(static_cast<float>(acc) * layer.multipliers[static_cast<std::size_t>(c)]);
      }
  return result;
}

uint8_t quantize(float f, float inverse, int32_t zero) {
  return static_cast<uint8_t>(std::clamp(std::nearbyint(f * inverse) + static_cast<float>(zero), 0.0f, 255.0f));
}

struct Network {
  std::mt19937 random{3};
  Layer first{kMiddle, kIn, 3, random}, second{kOut, kMiddle, 1, random};
  ProgramBuilder b;

  Network() {
    const auto batch = b.symbol("batch", 1, 16);
    const int32_t x = b.input("x", DType::kU8, {batch, kHeight, kWidth, kIn});
    const int32_t residual = b.input("residual", DType::kF32, {batch, kHeight, kWidth, kOut});
    const int32_t middle = b.arena("middle", DType::kU8, {batch, kHeight, kWidth, kMiddle});
    const int32_t y = b.output("y", DType::kU8, {batch, kHeight, kWidth, kOut});
    b.tables().values[static_cast<std::size_t>(middle)]->quantization = std::make_unique<schema::QuantizationT>();
    b.tables().values[static_cast<std::size_t>(middle)]->quantization->scales = {0.125f};
    b.tables().values[static_cast<std::size_t>(middle)]->quantization->zero_points = {kZeroMiddle};
    add_layer(b, "first", first, x, middle, kZeroX, kZeroMiddle, 1.0f);
    schema::StepT& step = add_layer(b, "second", second, middle, y, kZeroMiddle, kZeroY, 1.5f);
    step.post_ops.push_back(std::make_unique<schema::PostOpT>());
    step.post_ops.back()->function = static_cast<uint16_t>(Function::k_add);
    step.post_ops.back()->operand = residual;
    step.post_ops.push_back(std::make_unique<schema::PostOpT>());
    step.post_ops.back()->function = static_cast<uint16_t>(Function::k_relu);
  }
};

TEST(ConvInt8, CarriesIntegersThroughAProgram) {
  Network network;
  const auto file = network.b.file();
  const Program program = test::open_program(file);
  for (const int threads : {1, 3}) {
    Instance instance = test::make_instance(program, threads);
    constexpr int64_t kBatch = 3;
    Tensor<uint8_t> x({kBatch, kHeight, kWidth, kIn}), y({kBatch, kHeight, kWidth, kOut});
    Tensor<float> residual({kBatch, kHeight, kWidth, kOut});
    for (uint8_t& e : x.elements) e = static_cast<uint8_t>(network.random());
    for (float& e : residual.elements) e = static_cast<float>(static_cast<int>(network.random() % 100) - 50);
    ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}, {"residual", residual.in()}},
                                      std::vector<NamedOutput>{{"y", y.out()}})),
              "ok");
    for (int64_t n = 0; n < kBatch; ++n) {
      const auto image = static_cast<std::ptrdiff_t>(kHeight * kWidth * kIn);
      const std::vector<uint8_t> src(x.elements.begin() + n * image, x.elements.begin() + (n + 1) * image);
      std::vector<uint8_t> middle;
      for (const float f : layer_reference(network.first, src, kZeroX))
        middle.push_back(quantize(f, 1.0f, kZeroMiddle));
      const std::vector<float> sums = layer_reference(network.second, middle, kZeroMiddle);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::size_t at = static_cast<std::size_t>(n) * sums.size() + i;
        ASSERT_EQ(y.elements[at], quantize(std::max(sums[i] + residual.elements[at], 0.0f), 1.5f, kZeroY)) << at;
      }
    }
  }
}

TEST(ConvInt8, RefusesTablesThatDoNotFit) {
  const auto message = [](const std::function<void(schema::ProgramT&, schema::ConvT&)>& damage) {
    Network network;
    damage(network.b.tables(), *network.b.tables().steps[0]->attributes.AsConv());
    const auto file = network.b.file();
    const Result<Program> program = Program::open(file);
    if (!program.ok()) return program.error().message;
    Instance instance = test::make_instance(*program);
    return message_of(
        instance.prepare(std::vector<NamedInput>{{"x", {DType::kU8, {1, kHeight, kWidth, kIn}, nullptr}},
                                                 {"residual", {DType::kF32, {1, kHeight, kWidth, kOut}, nullptr}}}));
  };
  using P = schema::ProgramT;
  using C = schema::ConvT;
  EXPECT_EQ(message([](P&, C&) {}), "ok");
  EXPECT_EQ(message([](P&, C& c) { c.requantize->multipliers = -1; }),
            "step step_0: an integer product to u8 without multipliers");
  EXPECT_EQ(message([](P&, C& c) { c.requantize->multipliers = 0; }),
            "step step_0: multipliers of u8[1,6,5,5] for 18 channels");
  EXPECT_EQ(message([](P&, C& c) { c.requantize->src_zero_point = 256; }), "step step_0: zero points 256 and 7");
  EXPECT_EQ(message([](P&, C& c) { c.requantize->dst_zero_point = -1; }), "step step_0: zero points 121 and -1");
  EXPECT_EQ(message([](P&, C& c) { c.requantize->dst_scale_inverse = NAN; }), "step step_0: the inverse scale is nan");
  EXPECT_EQ(message([](P&, C& c) { c.requantize->src_zero_point_value = c.requantize->multipliers - 1; }),
            "step step_0: a dynamic zero point without sums of the weights");
  EXPECT_EQ(message([](P&, C& c) { c.groups_per_block = 2; }), "step step_0: 1 groups, 2 to a block");
  EXPECT_EQ(message([](P&, C& c) {
              c.kernel = {1, 1};
              c.pads_begin = c.pads_end = {0, 0};
            }),
            "step step_0: packed weights of [1,9,5,18] where [1,1,5,18] are needed");
  EXPECT_NE(message([](P&, C& c) { c.requantize->weight_sums = 1000; }).find("steps[0] \"step_0\": reads value 1000"),
            std::string::npos);
}

}  // namespace
}  // namespace tegula
