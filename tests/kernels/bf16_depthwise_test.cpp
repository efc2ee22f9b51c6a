#include "kernels/depthwise/bf16_depthwise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "jit/cpu_features.h"
#include "kernels/float16.h"
#include "kernels/gemm/pack.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;
using Random = std::mt19937;

struct Problem {
  Bf16DepthwiseDesc desc;
  int64_t n = 1, channels = 1, in[2] = {1, 1}, pads_begin[2] = {0, 0}, pads_end[2] = {0, 0}, gap = 0;

  /// -1: the filter does not fit.
  int64_t out(int dim) const {
    const int64_t room = in[dim] + pads_begin[dim] + pads_end[dim] - desc.kernel[dim];
    return room < 0 ? -1 : room / desc.strides[dim] + 1;
  }
};

/// Small numbers, now and then one that is awkward to round or to add.
uint16_t some_bf16(Random& random) {
  constexpr uint16_t kAwkward[] = {0x0000, 0x8000, 0x0080, 0x8080, 0x7f80, 0x7fc0, 0x7f7f, 0x0100, 0x2000};
  if (random() % 64 == 0) return kAwkward[random() % std::size(kAwkward)];
  return bf16_from_f32(std::uniform_real_distribution<float>(-1, 1)(random));
}

PostOpDesc post_op(Function function, float alpha = 0, float beta = 0) {
  PostOpDesc desc;
  desc.function = function;
  desc.alpha = alpha;
  desc.beta = beta;
  return desc;
}

/// Compares with the definition, bit for bit but for those of NaN.
void check(const Problem& p, Random& random) {
  SCOPED_TRACE(concat(p.desc.name(), " n", p.n, " c", p.channels, " in ", p.in[0], "x", p.in[1], " pads ",
                      p.pads_begin[0], ",", p.pads_begin[1], " gap ", p.gap));
  const int64_t stride = p.channels + p.gap, out_h = p.out(0), out_w = p.out(1);
  const auto extent = [&](int64_t pixels) { return static_cast<std::size_t>((pixels - 1) * stride + p.channels); };
  GuardedBuffer<uint16_t> src(extent(p.n * p.in[0] * p.in[1])), dst(extent(p.n * out_h * out_w));
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = some_bf16(random);
  for (std::size_t i = 0; i < dst.size(); ++i) dst[i] = 0x4242;  // gaps must stay
  std::vector<float> weights(static_cast<std::size_t>(p.channels * p.desc.taps()));
  for (float& x : weights) x = f32_from_bf16(some_bf16(random));
  const PackedDepthwise packing{p.channels, p.desc.taps(), 4};
  GuardedBuffer<float> packed(static_cast<std::size_t>(packing.bytes()) / 4),
      bias(static_cast<std::size_t>(p.channels));
  pack_depthwise(packing, weights.data(), packed.data());
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = f32_from_bf16(some_bf16(random));

  Bf16DepthwiseArgs args;
  args.src = src.data();
  args.weights = packed.data();
  args.bias = bias.data();
  args.dst = dst.data();
  args.n = p.n;
  args.channels = p.channels;
  for (int i = 0; i < 2; ++i) {
    args.in[i] = p.in[i];
    args.out[i] = p.out(i);
    args.pads[i] = p.pads_begin[i];
  }
  args.src_pixel_stride = args.dst_pixel_stride = stride;
  const auto kernel = build_bf16_depthwise(p.desc);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  const int64_t rows = args.rows(), cut = static_cast<int64_t>(random()) % (rows + 1);
  (*kernel)->run(args, cut, rows);
  (*kernel)->run(args, 0, cut);

  EpilogueArgs epilogue;
  epilogue.bias = bias.data();
  for (int64_t pixel = 0; pixel < p.n * out_h * out_w; ++pixel) {
    const int64_t x = pixel % out_w, y = pixel / out_w % out_h, image = pixel / out_w / out_h;
    for (int64_t c = 0; c < p.channels; ++c) {
      float sum = 0;
      for (int64_t tap = 0; tap < p.desc.taps(); ++tap) {
        const int64_t h = y * p.desc.strides[0] - p.pads_begin[0] + tap / p.desc.kernel[1];
        const int64_t w = x * p.desc.strides[1] - p.pads_begin[1] + tap % p.desc.kernel[1];
        const bool inside = h >= 0 && h < p.in[0] && w >= 0 && w < p.in[1];
        const int64_t at = ((image * p.in[0] + h) * p.in[1] + w) * stride + c;
        const float value = inside ? f32_from_bf16(src[static_cast<std::size_t>(at)]) : 0;
        sum = std::fma(value, weights[static_cast<std::size_t>(c * p.desc.taps() + tap)], sum);
      }
      const float real = apply_epilogue(p.desc.epilogue, epilogue, sum, pixel, c);
      const uint16_t got = dst[static_cast<std::size_t>(pixel * stride + c)];
      if (std::isnan(real))
        ASSERT_TRUE(std::isnan(f32_from_bf16(got))) << "pixel " << pixel << " channel " << c << ": " << got;
      else
        ASSERT_EQ(got, bf16_from_f32(real)) << "pixel " << pixel << " channel " << c << ": " << real;
    }
    for (int64_t g = p.channels; g < stride && pixel + 1 < p.n * out_h * out_w; ++g)
      ASSERT_EQ(dst[static_cast<std::size_t>(pixel * stride + g)], 0x4242) << "the gap after pixel " << pixel;
  }
}

struct Isa {
  jit::VectorIsa isa;
  bool instructions;
};

class Bf16Depthwise : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    const jit::CpuFeatures cpu = jit::CpuFeatures::detect();
    if (!jit::has(cpu, GetParam().isa) || (GetParam().instructions && !cpu.avx512_bf16))
      GTEST_SKIP() << "no " << jit::name_of(GetParam().isa) << (GetParam().instructions ? " with BF16" : "")
                   << " on this machine";
  }
  Problem problem() const {
    Problem p;
    p.desc.isa = GetParam().isa;
    p.desc.instructions = GetParam().instructions;
    return p;
  }
};

TEST_P(Bf16Depthwise, EqualsTheDefinitionBitForBit) {
  Random random(11);
  const auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[random() % from.size()]; };
  int computed = 0;
  for (int round = 0; round < 1000 && !HasFatalFailure(); ++round) {
    Problem p = problem();
    p.n = pick({1, 2});
    for (int i = 0; i < 2; ++i) {
      p.desc.kernel[i] = pick({1, 2, 3, 3, 3, 5});
      p.desc.strides[i] = pick({1, 1, 2, 3});
      p.pads_begin[i] = pick({-1, 0, 1, 1, 2, 6});
      p.pads_end[i] = pick({-1, 0, 1, 2, 7});
      p.in[i] = pick({1, 2, 3, 5, 8, 13});
    }
    if (p.desc.kernel[0] * p.desc.kernel[1] == 9 && pick({0, 1}) == 0) p.desc.strides[0] = p.desc.strides[1];
    p.channels = pick({1, 7, 8, 16, 24, 33, 48});
    p.gap = pick({0, 0, 3});
    p.desc.epilogue.bias = pick({0, 1}) == 1;
    switch (pick({0, 1, 2, 3})) {
      case 1: p.desc.epilogue.post_ops = {post_op(Function::k_relu)}; break;
      case 2: p.desc.epilogue.post_ops = {post_op(Function::k_clip, 0, 6)}; break;
      case 3: p.desc.epilogue.post_ops = {post_op(Function::k_hard_swish)}; break;
      default: break;
    }
    if (p.out(0) <= 0 || p.out(1) <= 0 || bf16_depthwise_refusal(p.desc, p.channels)) continue;
    ++computed;
    check(p, random);
  }
  EXPECT_GT(computed, 100);
}

/// The chains of what MobileNets have: no refusal on any ISA.
TEST_P(Bf16Depthwise, HasTheFiltersOfMobileNets) {
  Problem p = problem();
  for (const int64_t stride : {1, 2}) {
    p.desc.kernel[0] = p.desc.kernel[1] = 3;
    p.desc.strides[0] = p.desc.strides[1] = stride;
    p.desc.epilogue.bias = true;
    for (const PostOpDesc& last : {post_op(Function::k_relu), post_op(Function::k_clip, 0, 6)}) {
      p.desc.epilogue.post_ops = {last};
      EXPECT_EQ(bf16_depthwise_refusal(p.desc, 24), std::nullopt) << p.desc.name();
    }
  }
}

TEST_P(Bf16Depthwise, RefusesWhatItHasNoCodeFor) {
  Bf16DepthwiseDesc desc = problem().desc;
  desc.kernel[0] = 6;
  EXPECT_EQ(bf16_depthwise_refusal(desc, 16), "a filter of more than 5 rows");
  EXPECT_EQ(build_bf16_depthwise(desc).error().code, ErrorCode::kUnsupported);
  desc.kernel[0] = 3;
  desc.strides[1] = 2;
  EXPECT_EQ(bf16_depthwise_refusal(desc, 16), "columns that no filter reads");
  desc.kernel[1] = 3;
  PostOpDesc add = post_op(Function::k_add);
  add.operand = OperandKind::kTensor;
  desc.epilogue.post_ops = {add};
  EXPECT_EQ(bf16_depthwise_refusal(desc, 16), "a post-op with an operand");
}

INSTANTIATE_TEST_SUITE_P(Isas, Bf16Depthwise,
                         testing::Values(Isa{jit::VectorIsa::kAvx2, false}, Isa{jit::VectorIsa::kAvx512, false},
                                         Isa{jit::VectorIsa::kAvx512, true}),
                         [](const auto& test) {
                           return std::string(name_of(test.param.isa)) + (test.param.instructions ? "_bf16" : "");
                         });

}  // namespace
}  // namespace tegula::kernels
