#include "kernels/depthwise/depthwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "jit/cpu_features.h"
#include "kernels/gemm/pack.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

struct Problem {
  DepthwiseDesc desc;
  int64_t n, channels, in[3], pads_begin[3], pads_end[3], gap;
};

PostOpDesc post_op(Function function, OperandKind operand = OperandKind::kNone, float alpha = 0, float beta = 0) {
  PostOpDesc desc;
  desc.function = function;
  desc.operand = operand;
  desc.alpha = alpha;
  desc.beta = beta;
  return desc;
}

/// The definition, on operands in ONNX order: src [n, c, d, h, w], weights [c, kd, kh, kw].
float definition(const Problem& p, const std::vector<float>& src, const std::vector<float>& weights, int64_t image,
                 const int64_t* out, int64_t c) {
  float acc = 0;
  int64_t tap = 0;
  for (int64_t kd = 0; kd < p.desc.kernel[0]; ++kd)
    for (int64_t kh = 0; kh < p.desc.kernel[1]; ++kh)
      for (int64_t kw = 0; kw < p.desc.kernel[2]; ++kw, ++tap) {
        const int64_t d = out[0] * p.desc.strides[0] - p.pads_begin[0] + kd * p.desc.dilations[0];
        const int64_t h = out[1] * p.desc.strides[1] - p.pads_begin[1] + kh * p.desc.dilations[1];
        const int64_t w = out[2] * p.desc.strides[2] - p.pads_begin[2] + kw * p.desc.dilations[2];
        const bool inside = d >= 0 && d < p.in[0] && h >= 0 && h < p.in[1] && w >= 0 && w < p.in[2];
        const std::size_t at =
            inside ? static_cast<std::size_t>((((image * p.channels + c) * p.in[0] + d) * p.in[1] + h) * p.in[2] + w)
                   : 0;
        acc = std::fma(inside ? src[at] : 0.0f, weights[static_cast<std::size_t>(c * p.desc.taps() + tap)], acc);
      }
  return acc;
}

void check(const Problem& p, uint32_t seed) {
  SCOPED_TRACE(
      concat(p.desc.name(), " n", p.n, " c", p.channels, " in ", p.in[0], "x", p.in[1], "x", p.in[2], " gap ", p.gap));
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  int64_t out[3];
  for (int i = 0; i < 3; ++i)
    out[i] = (p.in[i] + p.pads_begin[i] + p.pads_end[i] - (p.desc.kernel[i] - 1) * p.desc.dilations[i] - 1) /
                 p.desc.strides[i] +
             1;
  const int64_t in_pixels = p.in[0] * p.in[1] * p.in[2], out_pixels = p.n * out[0] * out[1] * out[2];
  const int64_t stride = p.channels + p.gap;

  std::vector<float> src(static_cast<std::size_t>(p.n * p.channels * in_pixels)),
      weights(static_cast<std::size_t>(p.channels * p.desc.taps()));
  for (float& x : src) x = uniform(rng);
  for (float& x : weights) x = uniform(rng);
  const auto extent = [&](int64_t pixels) { return static_cast<std::size_t>((pixels - 1) * stride + p.channels); };
  GuardedBuffer<float> x(extent(p.n * in_pixels)), y(extent(out_pixels)), bias(static_cast<std::size_t>(p.channels)),
      residual(extent(out_pixels));
  const PackedDepthwise packing{p.channels, p.desc.taps(), 4};
  GuardedBuffer<float> packed(static_cast<std::size_t>(packing.bytes()) / 4);
  pack_depthwise(packing, weights.data(), packed.data());
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t c = 0; c < p.channels; ++c)
      for (int64_t pixel = 0; pixel < in_pixels; ++pixel)
        x[static_cast<std::size_t>((i * in_pixels + pixel) * stride + c)] =
            src[static_cast<std::size_t>((i * p.channels + c) * in_pixels + pixel)];
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = uniform(rng);
  for (std::size_t i = 0; i < residual.size(); ++i) residual[i] = uniform(rng);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = 77;  // gaps must stay

  DepthwiseArgs args;
  args.src = x.data();
  args.weights = packed.data();
  args.dst = y.data();
  args.n = p.n;
  args.channels = p.channels;
  for (int i = 0; i < 3; ++i) {
    args.in[i] = p.in[i];
    args.out[i] = out[i];
    args.pads[i] = p.pads_begin[i];
  }
  args.src_pixel_stride = args.dst_pixel_stride = stride;
  args.epilogue.bias = bias.data();
  for (EpilogueOperand& operand : args.epilogue.operands) operand = {residual.data(), stride};

  const auto kernel = build_depthwise(p.desc);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  const std::size_t scratch_bytes = (*kernel)->scratch_bytes(p.channels);
  GuardedBuffer<float> scratch(scratch_bytes / 4 + 16);
  for (std::size_t i = 0; i < scratch.size(); ++i) scratch[i] = std::nanf("");
  const int64_t blocks = (*kernel)->blocks(args, static_cast<int>(seed % 3) + 1);
  for (int64_t block = blocks - 1; block >= 0; --block)
    (*kernel)->run(args, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));

  int64_t pixel = 0;
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t d = 0; d < out[0]; ++d)
      for (int64_t h = 0; h < out[1]; ++h)
        for (int64_t w = 0; w < out[2]; ++w, ++pixel) {
          const int64_t at[3] = {d, h, w};
          for (int64_t c = 0; c < p.channels; ++c) {
            const float want =
                apply_epilogue(p.desc.epilogue, args.epilogue, definition(p, src, weights, i, at, c), pixel, c);
            const float got = y[static_cast<std::size_t>(pixel * stride + c)];
            ASSERT_EQ(std::memcmp(&got, &want, 4), 0)
                << "pixel " << pixel << " channel " << c << ": " << got << " for " << want;
          }
          for (int64_t g = p.channels; g < stride && pixel + 1 < out_pixels; ++g)
            ASSERT_EQ(y[static_cast<std::size_t>(pixel * stride + g)], 77) << "the gap after pixel " << pixel;
        }
}

class Depthwise : public testing::TestWithParam<TileIsa> {
 protected:
  void SetUp() override {
    const jit::CpuFeatures cpu = jit::CpuFeatures::detect();
    if (GetParam() == TileIsa::kAvx512 && !cpu.avx512) GTEST_SKIP() << "no AVX-512 on this machine";
    if (GetParam() == TileIsa::kAvx2 && !cpu.avx2) GTEST_SKIP() << "no AVX2 on this machine";
  }
};

TEST_P(Depthwise, EqualsTheDefinitionBitForBit) {
  std::mt19937 rng(7);
  const auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[rng() % from.size()]; };
  for (uint32_t round = 0; round < 120; ++round) {
    Problem p;
    p.desc.isa = GetParam();
    const int64_t rank = pick({1, 2, 2, 2, 3});
    for (int i = 0; i < 3; ++i) {
      const bool used = i >= 3 - rank;
      p.desc.kernel[i] = used ? pick({1, 2, 3, 3, 5, 7}) : 1;
      p.desc.strides[i] = used ? pick({1, 1, 2, 3}) : 1;
      p.desc.dilations[i] = used ? pick({1, 1, 1, 2}) : 1;
      p.pads_begin[i] = used ? pick({0, 1, 2}) : 0;
      p.pads_end[i] = used ? pick({0, 1, 3}) : 0;
      const int64_t reach = (p.desc.kernel[i] - 1) * p.desc.dilations[i] + 1;
      p.in[i] = used ? std::max<int64_t>(1, reach - p.pads_begin[i] - p.pads_end[i]) + pick({0, 1, 4, 9}) : 1;
    }
    if (rank == 3) p.desc.kernel[0] = std::min<int64_t>(p.desc.kernel[0], 3);
    p.n = pick({1, 2});
    p.channels = pick({1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 40});
    p.gap = pick({0, 0, 5});
    p.desc.epilogue.bias = round % 3 != 0;
    switch (round % 4) {
      case 1: p.desc.epilogue.post_ops = {post_op(Function::k_relu)}; break;
      case 2:
        p.desc.epilogue.post_ops = {post_op(Function::k_add, OperandKind::kTensor),
                                    post_op(Function::k_clip, OperandKind::kNone, 0, 1)};
        break;
      case 3:
        p.desc.epilogue.post_ops = {post_op(Function::k_silu), post_op(Function::k_mul, OperandKind::kScalar)};
        break;
      default: break;
    }
    check(p, round);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Depthwise, testing::Values(TileIsa::kPlain, TileIsa::kAvx2, TileIsa::kAvx512),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST(DepthwiseBuild, RefusesWithAReason) {
  DepthwiseDesc desc;
  desc.kernel[2] = kMaxDepthwiseTaps + 1;
  EXPECT_EQ(build_depthwise(desc).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace tegula::kernels
