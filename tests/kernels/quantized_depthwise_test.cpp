// Depthwise convolutions of u8 by s8: plain loops against the formula, generated code against plain loops, bit for bit,
// on guard pages.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/depthwise/quantized_depthwise.h"
#include "kernels/gemm/pack.h"
#include "kernels/math/math.h"
#include "kernels/quantize/requantize.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;
using Isa = QuantizedDepthwiseIsa;

std::vector<jit::CpuFeatures> isas() {
  std::vector<jit::CpuFeatures> list;
  for (const char* name : {"avx2", "avx512", "avx512_vnni"}) {
    const jit::CpuFeatures cap = jit::CpuFeatures::from_name(name).value();
    if (jit::CpuFeatures::detect().intersect(cap) == cap) list.push_back(cap);
  }
  return list;
}

struct Case {
  QuantizedDepthwiseDesc desc;
  int64_t n = 1, channels = 1;
  int64_t in[3] = {1, 1, 1}, pads[3] = {0, 0, 0}, pads_end[3] = {0, 0, 0};
  int64_t src_gap = 0, dst_gap = 0;
  bool per_channel = true, bias = true;
  int32_t src_zero_point = 3;
  float dst_scale_inverse = 1;
  float largest_multiplier = 0.003f;
  bool dynamic_zero_point = false, dynamic_scale = false, per_image = false, real_bias = false;

  int64_t out(std::size_t d) const {
    const int64_t reach = (desc.kernel[d] - 1) * desc.dilations[d] + 1;
    return (in[d] + pads[d] + pads_end[d] - reach) / desc.strides[d] + 1;
  }
};

/// Operands of a case, each before an unmapped page.
class Operands {
 public:
  Operands(const Case& c, uint32_t seed)
      : case_(c),
        random_(seed),
        plain_weights_(static_cast<std::size_t>(c.channels * c.desc.taps())),
        src_(extent(c.n * c.in[0] * c.in[1] * c.in[2], c.channels, c.src_gap)),
        weights_(static_cast<std::size_t>(packed().bytes())),
        bias_(static_cast<std::size_t>(c.channels)),
        multipliers_(c.per_channel ? static_cast<std::size_t>(c.channels) : 1),
        real_bias_(static_cast<std::size_t>(c.channels)),
        weight_sums_(static_cast<std::size_t>(c.channels)),
        zero_points_(c.per_image ? static_cast<std::size_t>(c.n) : 1),
        scales_(zero_points_.size()),
        dst_elements_(extent(c.n * c.out(0) * c.out(1) * c.out(2), c.channels, c.dst_gap)) {
    for (std::size_t i = 0; i < src_.size(); ++i) src_[i] = static_cast<uint8_t>(random_());
    for (int8_t& w : plain_weights_) w = static_cast<int8_t>(static_cast<int>(random_() % 256) - 128);
    for (std::size_t i = 0; i < bias_.size(); ++i) bias_[i] = static_cast<int32_t>(random_() % 20000) - 10000;
    for (std::size_t i = 0; i < multipliers_.size(); ++i)
      multipliers_[i] = c.largest_multiplier * static_cast<float>(random_() % 1000 + 1) / 1000.0f;
    pack_depthwise(packed(), plain_weights_.data(), weights_.data());
    for (std::size_t i = 0; i < real_bias_.size(); ++i) real_bias_[i] = static_cast<float>(random_() % 1000) / 100 - 5;
    for (std::size_t i = 0; i < weight_sums_.size(); ++i)
      for (int64_t tap = 0; tap < c.desc.taps(); ++tap) weight_sums_[i] += weight(static_cast<int64_t>(i), tap);
    for (std::size_t i = 0; i < zero_points_.size(); ++i) {
      zero_points_[i] = static_cast<int32_t>(random_() % 256);
      scales_[i] = 0.5f + static_cast<float>(random_() % 1000) / 1000.0f;
    }
  }

  QuantizedDepthwiseArgs args(std::byte* dst) {
    QuantizedDepthwiseArgs args;
    args.src = src_.data();
    args.weights = weights_.data();
    args.dst = dst;
    args.n = case_.n;
    args.channels = case_.channels;
    for (std::size_t d = 0; d < 3; ++d) {
      args.in[d] = case_.in[d];
      args.out[d] = case_.out(d);
      args.pads[d] = case_.pads[d];
    }
    args.src_pixel_stride = case_.channels + case_.src_gap;
    args.dst_pixel_stride = case_.channels + case_.dst_gap;
    args.bias = case_.bias ? bias_.data() : nullptr;
    args.multipliers = multipliers_.data();
    args.multiplier_per_channel = case_.per_channel;
    args.src_zero_point = case_.src_zero_point;
    args.dst_scale_inverse = case_.dst_scale_inverse;
    args.dst_zero_point = case_.desc.dst == DType::kS8 ? -7 : 11;
    if (case_.dynamic_zero_point) {
      args.dynamic_zero_point = zero_points_.data();
      args.weight_sums = weight_sums_.data();
    }
    if (case_.dynamic_scale) args.dynamic_scale = scales_.data();
    if (case_.real_bias) args.operands[0].data = reinterpret_cast<const std::byte*>(real_bias_.data());
    args.zero_point_per_image = args.scale_per_image = case_.per_image;
    return args;
  }

  std::size_t dst_bytes() const { return dst_elements_ * size_of(case_.desc.dst); }
  int8_t weight(int64_t c, int64_t tap) const {
    return plain_weights_[static_cast<std::size_t>(c * case_.desc.taps() + tap)];
  }

 private:
  static std::size_t extent(int64_t pixels, int64_t channels, int64_t gap) {
    return pixels == 0 ? 0 : static_cast<std::size_t>(pixels * (channels + gap) - gap);
  }
  PackedDepthwise packed() const { return {.channels = case_.channels, .taps = case_.desc.taps(), .element_bytes = 1}; }

  const Case& case_;
  std::mt19937 random_;
  std::vector<int8_t> plain_weights_;
  GuardedBuffer<uint8_t> src_;
  GuardedBuffer<int8_t> weights_;
  GuardedBuffer<int32_t> bias_;
  GuardedBuffer<float> multipliers_, real_bias_;
  GuardedBuffer<int32_t> weight_sums_, zero_points_;
  GuardedBuffer<float> scales_;
  std::size_t dst_elements_;
};

/// In `blocks` blocks, into memory that starts out as a pattern.
std::vector<std::byte> run(QuantizedDepthwiseDesc desc, Isa isa, Operands& operands, int64_t blocks) {
  desc.isa = isa;
  const auto kernel = build_quantized_depthwise(desc);
  EXPECT_TRUE(kernel.ok()) << kernel.error().message;
  if (!kernel.ok()) return {};
  GuardedBuffer<std::byte> dst(operands.dst_bytes());
  for (std::size_t i = 0; i < dst.size(); ++i) dst[i] = static_cast<std::byte>(i * 37);
  const QuantizedDepthwiseArgs args = operands.args(dst.data());
  GuardedBuffer<std::byte> scratch((*kernel)->scratch_bytes(args.channels));
  for (int64_t block = 0; block < blocks; ++block) (*kernel)->run(args, block, blocks, scratch.data());
  return {dst.data(), dst.data() + dst.size()};
}

void expect_same(const Case& c, uint32_t seed = 1, int64_t blocks = 1) {
  Operands operands(c, seed);
  const std::vector<std::byte> expected = run(c.desc, Isa::kPlain, operands, 1);
  for (const jit::CpuFeatures& cpu : isas()) {
    const Isa isa = choose_quantized_depthwise(c.desc, false, cpu);
    ASSERT_NE(isa, Isa::kPlain);
    ASSERT_EQ(run(c.desc, isa, operands, blocks), expected)
        << c.desc.name() << " " << cpu.to_string() << " " << c.channels << " channels, " << c.in[1] << " x " << c.in[2];
  }
}

Case image(int64_t kernel, int64_t stride, int64_t pad, int64_t channels, int64_t height, int64_t width) {
  Case c;
  c.channels = channels;
  for (const std::size_t d : {std::size_t{1}, std::size_t{2}}) {
    c.desc.kernel[d] = kernel;
    c.desc.strides[d] = stride;
    c.pads[d] = c.pads_end[d] = pad;
  }
  c.in[1] = height;
  c.in[2] = width;
  return c;
}

TEST(QuantizedDepthwise, PlainLoopsFollowTheFormula) {
  Case c = image(3, 2, 1, 5, 6, 7);
  c.desc.post_ops = {{.function = Function::k_relu}};
  c.dst_scale_inverse = 0.7f;
  Operands operands(c, 3);
  const std::vector<std::byte> actual = run(c.desc, Isa::kPlain, operands, 1);
  const QuantizedDepthwiseArgs args = operands.args(nullptr);
  for (int64_t oh = 0; oh < c.out(1); ++oh)
    for (int64_t ow = 0; ow < c.out(2); ++ow)
      for (int64_t ch = 0; ch < c.channels; ++ch) {
        int64_t acc = args.bias[ch];
        for (int64_t tap = 0; tap < 9; ++tap) {
          const int64_t h = oh * 2 - 1 + tap / 3, w = ow * 2 - 1 + tap % 3;
          const bool inside = h >= 0 && h < 6 && w >= 0 && w < 7;
          acc += (inside ? args.src[(h * 7 + w) * 5 + ch] : 3) * operands.weight(ch, tap);
        }
        const double real = std::max(0.0, static_cast<double>(acc) * static_cast<double>(args.multipliers[ch]));
        const auto at = static_cast<std::size_t>((oh * c.out(2) + ow) * 5 + ch);
        ASSERT_NEAR(static_cast<double>(actual[at]), std::clamp(real * 0.7 + 11, 0.0, 255.0), 0.5001);
      }
}

TEST(QuantizedDepthwise, PlainLoopsCorrectForDynamicZeroPoints) {
  // acc = sum (q_x - z_x) * (q_w - z_w) for whatever is inside.
  Case c = image(3, 1, 1, 4, 5, 5);
  c.desc.dst = DType::kF32;
  Operands operands(c, 4);
  GuardedBuffer<std::byte> dst(operands.dst_bytes());
  QuantizedDepthwiseArgs args = operands.args(dst.data());
  const int32_t zero_point = 77, weight_zero_points[] = {1, -2, 3, 0};
  int32_t sums[4] = {};
  for (int64_t ch = 0; ch < 4; ++ch)
    for (int64_t tap = 0; tap < 9; ++tap) sums[ch] += operands.weight(ch, tap);
  const float scale = 0.5f;
  args.dynamic_zero_point = &zero_point;
  args.weight_zero_points = weight_zero_points;
  args.weight_sums = sums;
  args.dynamic_scale = &scale;
  build_quantized_depthwise(c.desc).value()->run(args, 0, 1, nullptr);
  for (int64_t oh = 0; oh < 5; ++oh)
    for (int64_t ow = 0; ow < 5; ++ow)
      for (int64_t ch = 0; ch < 4; ++ch) {
        int64_t acc = args.bias[ch];
        for (int64_t tap = 0; tap < 9; ++tap) {
          const int64_t h = oh - 1 + tap / 3, w = ow - 1 + tap % 3;
          if (h >= 0 && h < 5 && w >= 0 && w < 5)
            acc += (args.src[(h * 5 + w) * 4 + ch] - zero_point) * (operands.weight(ch, tap) - weight_zero_points[ch]);
        }
        const float expected = static_cast<float>(acc) * (args.multipliers[ch] * scale);
        ASSERT_EQ(reinterpret_cast<float*>(dst.data())[(oh * 5 + ow) * 4 + ch], expected);
      }
}

TEST(QuantizedDepthwise, EachImageHasItsOwnZeroPointAndScale) {
  // The answer of an image in a batch is that of the image alone, whatever the order.
  Case c = image(3, 1, 1, 40, 6, 5);
  c.n = 5;
  c.desc.dst = DType::kF32;
  c.dynamic_zero_point = c.dynamic_scale = c.per_image = true;
  Operands operands(c, 9);
  for (const jit::CpuFeatures& cpu : isas()) {
    QuantizedDepthwiseDesc desc = c.desc;
    desc.isa = choose_quantized_depthwise(desc, false, cpu);
    const auto kernel = build_quantized_depthwise(desc).value();
    std::vector<std::byte> batch(operands.dst_bytes()), alone(batch.size());
    GuardedBuffer<std::byte> scratch(kernel->scratch_bytes(c.channels));
    kernel->run(operands.args(batch.data()), 0, 1, scratch.data());
    const std::size_t each = batch.size() / 5;
    for (int64_t i = 4; i >= 0; --i) {
      QuantizedDepthwiseArgs args = operands.args(alone.data() + static_cast<std::size_t>(i) * each);
      args.n = 1;
      args.src += i * 6 * 5 * 40;
      args.dynamic_zero_point += i;
      args.dynamic_scale += i;
      kernel->run(args, 0, 1, scratch.data());
    }
    EXPECT_EQ(batch, alone) << cpu.to_string();
  }
}

TEST(QuantizedDepthwise, EveryNumberOfChannels) {
  for (const DType dst : {DType::kU8, DType::kF32})
    for (int64_t channels = 1; channels <= 130; ++channels) {
      Case c = image(3, 1, 1, channels, 4, 5);
      c.desc.dst = dst;
      expect_same(c);
    }
}

TEST(QuantizedDepthwise, WindowsOfMobileNetAndEfficientNet) {
  for (const int64_t kernel : {3, 5})
    for (const int64_t stride : {1, 2})
      for (const int64_t size : {1, 2, 3, 7, 8, 14})
        for (const int64_t channels : {32, 96, 144})
          expect_same(image(kernel, stride, kernel / 2, channels, size, size), 2, 3);
}

TEST(QuantizedDepthwise, SaturatesAndRoundsLikePlainLoops) {
  for (const DType dst : {DType::kU8, DType::kS8})
    for (const float multiplier : {0.0002f, 0.5f, 100.0f, 1e30f, std::numeric_limits<float>::infinity()}) {
      Case c = image(3, 1, 1, 70, 5, 6);
      c.desc.dst = dst;
      c.largest_multiplier = multiplier;
      expect_same(c);
      c.bias = false;
      c.per_channel = false;
      c.desc.scales_result = true;
      c.dst_scale_inverse = 1.7f;
      expect_same(c);
    }
}

TEST(QuantizedDepthwise, PostOps) {
  const PostOpChain chains[] = {{{.function = Function::k_relu}},
                                {{.function = Function::k_clip, .alpha = 0.0f, .beta = 6.0f}},
                                {{.function = Function::k_silu}},
                                {{.function = Function::k_gelu_erf}, {.function = Function::k_affine, .alpha = 2.0f}}};
  for (const PostOpChain& chain : chains)
    for (const int64_t channels : {16, 40, 100}) {
      Case c = image(3, 1, 1, channels, 4, 9);
      c.desc.post_ops = chain;
      c.desc.scales_result = true;
      c.dst_scale_inverse = 20;
      expect_same(c);
    }
}

TEST(QuantizedDepthwise, RealBias) {
  for (const DType dst : {DType::kU8, DType::kF32})
    for (const int64_t channels : {7, 16, 40, 100, 130}) {
      Case c = image(3, 1, 1, channels, 4, 9);
      c.n = 2;
      c.real_bias = true;
      c.dynamic_zero_point = c.dynamic_scale = c.per_image = true;
      c.desc.dst = dst;
      c.desc.post_ops = {{.function = Function::k_add, .operand = OperandKind::kPerChannel},
                         {.function = Function::k_clip, .alpha = 0.0f, .beta = 6.0f}};
      expect_same(c);
    }
}

TEST(QuantizedDepthwise, RandomShapes) {
  std::mt19937 random(7);
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint32_t>(limit)); };
  for (uint32_t i = 0; i < 300; ++i) {
    Case c;
    c.n = 1 + below(3);
    c.channels = 1 + below(150);
    c.src_gap = below(3) * below(20);
    c.dst_gap = below(3) * below(20);
    const int spatial = static_cast<int>(1 + below(3));
    for (int d = 3 - spatial; d < 3; ++d) {
      c.desc.kernel[d] = 1 + below(spatial == 3 ? 3 : 6);
      c.desc.strides[d] = 1 + below(3);
      c.desc.dilations[d] = 1 + below(4) / 3;
      c.pads[d] = below(c.desc.kernel[d] + 1);
      c.pads_end[d] = below(c.desc.kernel[d] + 1);
      const int64_t reach = (c.desc.kernel[d] - 1) * c.desc.dilations[d] + 1;
      c.in[d] = std::max<int64_t>(1, reach - c.pads[d] - c.pads_end[d]) + below(spatial == 3 ? 4 : 10);
    }
    constexpr DType kResults[] = {DType::kU8, DType::kS8, DType::kF32};
    c.desc.dst = kResults[below(3)];
    c.dynamic_zero_point = below(3) == 0;
    c.dynamic_scale = below(3) == 0;
    c.per_image = below(2) == 0;
    c.per_channel = below(2) == 0;
    c.bias = below(2) == 0;
    c.src_zero_point = static_cast<int32_t>(below(256));
    ASSERT_NO_FATAL_FAILURE(expect_same(c, i, 1 + below(4))) << "case " << i;
  }
}

TEST(QuantizedDepthwise, RefusesWhatItCannotDo) {
  QuantizedDepthwiseDesc desc;
  desc.kernel[1] = desc.kernel[2] = 40;
  EXPECT_FALSE(build_quantized_depthwise(desc).ok());
  desc.kernel[1] = desc.kernel[2] = 3;
  desc.dst = DType::kS32;
  EXPECT_FALSE(build_quantized_depthwise(desc).ok());
}

}  // namespace
}  // namespace tegula::kernels
