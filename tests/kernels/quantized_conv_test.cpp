#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kernels/conv/quantized_reference.h"
#include "kernels/quantize/requantize.h"

namespace tegula::kernels {
namespace {

TEST(Requantize, RoundsToEvenAndSaturatesInFloat) {
  EXPECT_EQ(requantize<uint8_t>(2.5f, 1.0f, 0), 2);
  EXPECT_EQ(requantize<uint8_t>(3.5f, 1.0f, 0), 4);
  EXPECT_EQ(requantize<uint8_t>(2.5f, 1.0f, 3), 5) << "rounded before the zero point is added";
  EXPECT_EQ(requantize<uint8_t>(-7.0f, 0.5f, 2), 0);
  EXPECT_EQ(requantize<uint8_t>(1e30f, 1.0f, 0), 255);
  EXPECT_EQ(requantize<int8_t>(-1e30f, 1.0f, 0), -128);
  EXPECT_EQ(requantize<int8_t>(INFINITY, 1.0f, 0), 127);
  EXPECT_EQ(requantize<uint8_t>(NAN, 1.0f, 9), 0);
  EXPECT_EQ(requantize<int8_t>(NAN, 1.0f, 9), -128);
}

struct Problem {
  QuantizedConvDesc desc;
  std::array<int64_t, 3> in{1, 1, 1}, kernel{1, 1, 1};
  Dims src_dims, dst_dims;
  std::vector<uint8_t> src;
  std::vector<int8_t> weights, packed;  // [oc, ic / groups, kernel...]; as the file has them
  std::vector<int32_t> weight_zeros, bias;
  std::vector<float> multipliers;
  int32_t src_zero = 0;

  int64_t ic() const { return desc.weights.groups * desc.weights.ic_per_group; }
  int64_t oc() const { return desc.weights.groups * desc.weights.oc_per_group; }
};

Problem random_problem(std::mt19937& random) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint32_t>(n)); };
  Problem p;
  const int spatial = p.desc.spatial = 1 + static_cast<int>(below(3));
  PackedConv& w = p.desc.weights;
  w.packing = Packing::kN16K4;
  w.groups = 1 + below(3);
  w.groups_per_block = w.groups == 2 && below(2) == 0 ? 2 : 1;
  w.ic_per_group = 1 + below(7);
  w.oc_per_group = 1 + below(20);
  p.src_dims = {1 + below(2)};
  p.dst_dims = p.src_dims;
  for (int d = 0; d < spatial; ++d) {
    const int64_t size = 1 + below(6), kernel = 1 + below(3), stride = 1 + below(2), dilation = 1 + below(2),
                  pad = below(3);
    const int64_t padded = size + pad + below(3), reach = (kernel - 1) * dilation + 1;
    p.kernel[3 - spatial + d] = kernel;
    p.desc.strides[d] = stride;
    p.desc.dilations[d] = dilation;
    p.desc.pads_begin[d] = pad;
    p.src_dims.push_back(size);
    p.dst_dims.push_back(padded < reach ? 0 : (padded - reach) / stride + 1);
  }
  w.kernel_d = p.kernel[0];
  w.kernel_h = p.kernel[1];
  w.kernel_w = p.kernel[2];
  p.src_dims.push_back(p.ic());
  p.dst_dims.push_back(p.oc());
  p.src.resize(static_cast<std::size_t>(element_count(p.src_dims)));
  for (uint8_t& x : p.src) x = static_cast<uint8_t>(random());
  p.weights.resize(static_cast<std::size_t>(p.oc() * w.ic_per_group * p.kernel[0] * p.kernel[1] * p.kernel[2]));
  for (int8_t& x : p.weights) x = static_cast<int8_t>(below(255) - 127);
  p.packed.resize(static_cast<std::size_t>(w.bytes()));
  pack_conv(w, p.weights.data(), p.packed.data());
  for (int64_t c = 0; c < p.oc(); ++c) {
    p.weight_zeros.push_back(static_cast<int32_t>(below(9) - 4));
    p.bias.push_back(static_cast<int32_t>(below(20'000) - 10'000));
    p.multipliers.push_back(std::ldexp(static_cast<float>(1 + below(100)), -14));
  }
  p.src_zero = p.desc.src_zero_point = static_cast<int32_t>(below(256));
  p.desc.dst_zero_point = static_cast<int32_t>(below(256));
  return p;
}

// bias + sum of (q_x - z_x) * (q_w - z_w): what the integer arithmetic must come to, whatever it folds where.
int64_t expected_sum(const Problem& p, const std::array<int64_t, 4>& index, int64_t oc, bool with_weight_zeros) {
  const int spatial = p.desc.spatial, unused = 3 - spatial;
  const int64_t per_group = p.desc.weights.ic_per_group, first = oc / p.desc.weights.oc_per_group * per_group;
  int64_t sum = p.bias[static_cast<std::size_t>(oc)];
  const int64_t positions = p.kernel[0] * p.kernel[1] * p.kernel[2];
  for (int64_t position = 0; position < positions; ++position) {
    const std::array<int64_t, 3> at{position / (p.kernel[1] * p.kernel[2]), position / p.kernel[2] % p.kernel[1],
                                    position % p.kernel[2]};
    int64_t pixel = index[0];
    bool inside = true;
    for (int d = 0; d < spatial; ++d) {
      const int64_t i = index[d + 1] * p.desc.strides[d] + at[d + unused] * p.desc.dilations[d] - p.desc.pads_begin[d];
      inside = inside && i >= 0 && i < p.src_dims[static_cast<std::size_t>(d + 1)];
      pixel = pixel * p.src_dims[static_cast<std::size_t>(d + 1)] + i;
    }
    if (!inside) continue;  // holds z_x, which stands for 0
    for (int64_t c = 0; c < per_group; ++c) {
      const int64_t x = p.src[static_cast<std::size_t>(pixel * p.ic() + first + c)] - p.src_zero;
      const int64_t w = p.weights[static_cast<std::size_t>((oc * per_group + c) * positions + position)] -
                        (with_weight_zeros ? p.weight_zeros[static_cast<std::size_t>(oc)] : 0);
      sum += x * w;
    }
  }
  return sum;
}

TEST(QuantizedConvReference, IsTheConvolutionOfRealValues) {
  std::mt19937 random(7);
  int64_t checked = 0;
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE(round);
    Problem p = random_problem(random);
    const bool dynamic = round % 3 == 0, weight_zeros = round % 2 == 0;
    const int64_t filter = p.desc.weights.ic_per_group * p.kernel[0] * p.kernel[1] * p.kernel[2];
    std::vector<int32_t> bias = p.bias, sums;
    for (int64_t c = 0; c < p.oc(); ++c) {
      int32_t sum = 0;
      for (int64_t i = 0; i < filter; ++i) sum += p.weights[static_cast<std::size_t>(c * filter + i)];
      sums.push_back(sum);
      const int32_t z_w = weight_zeros ? p.weight_zeros[static_cast<std::size_t>(c)] : 0;
      if (!dynamic)
        bias[static_cast<std::size_t>(c)] += static_cast<int32_t>(filter) * p.src_zero * z_w - p.src_zero * sum;
    }
    const float scale = 0.5f;
    const std::vector<float> residual(static_cast<std::size_t>(p.oc()), 2.0f);
    const TensorView operand = TensorView::contiguous(DType::kF32, Dims{p.oc()}, residual.data());
    if (round % 5 == 0)
      p.desc.post_ops = {{.function = Function::k_relu},
                         {.function = Function::k_add, .operand = OperandKind::kPerChannel}};
    if (dynamic) p.desc.src_zero_point = 99;  // not to be read

    std::vector<float> f32(static_cast<std::size_t>(element_count(p.dst_dims)));
    std::vector<uint8_t> u8(f32.size());
    QuantizedConvArgs args;
    args.src = TensorView::contiguous(DType::kU8, p.src_dims, static_cast<const void*>(p.src.data()));
    args.weights = p.packed.data();
    args.bias = bias.data();
    args.multipliers = p.multipliers.data();
    args.multiplier_per_channel = true;
    args.weight_zero_points = weight_zeros ? p.weight_zeros.data() : nullptr;
    args.weight_sums = sums.data();
    args.dynamic_zero_point = dynamic ? &p.src_zero : nullptr;
    args.dynamic_scale = dynamic ? &scale : nullptr;
    if (!p.desc.post_ops.empty()) args.operands = {&operand, 1};
    for (const bool quantizes : {false, true}) {
      args.dst = quantizes ? TensorView::contiguous(DType::kU8, p.dst_dims, u8.data())
                           : TensorView::contiguous(DType::kF32, p.dst_dims, f32.data());
      p.desc.dst_scale_inverse = 4.0f;
      const Status status = check_quantized_conv(p.desc, args.src, args.dst, args.operands);
      ASSERT_TRUE(status.ok()) << status.error().message;
      const int64_t positions = quantized_conv_positions(args.dst), half = positions / 2;
      quantized_conv_reference(p.desc, args, half, positions);
      quantized_conv_reference(p.desc, args, 0, half);
    }
    OffsetWalk<1> walk(p.dst_dims, {&args.dst});
    for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
      const auto at = static_cast<std::size_t>(walk.offset(0));
      const int64_t oc = walk.index()[p.desc.spatial + 1];
      std::array<int64_t, 4> index{};
      for (int d = 0; d <= p.desc.spatial; ++d) index[d] = walk.index()[d];
      // Sums stay below 2^24 and multipliers are powers of two times small integers: float arithmetic is exact here.
      float expected =
          static_cast<float>(expected_sum(p, index, oc, weight_zeros)) * p.multipliers[static_cast<std::size_t>(oc)];
      if (dynamic) expected *= scale;
      if (!p.desc.post_ops.empty()) expected = std::max(expected, 0.0f) + 2.0f;
      ASSERT_EQ(f32[at], expected);
      const float q = std::nearbyint(expected * 4.0f) + static_cast<float>(p.desc.dst_zero_point);
      ASSERT_EQ(u8[at], static_cast<uint8_t>(std::clamp(q, 0.0f, 255.0f)));
      ++checked;
    }
  }
  EXPECT_GT(checked, 5000);
}

TEST(QuantizedConvReference, RefusesWhatDoesNotFit) {
  std::mt19937 random(1);
  Problem p = random_problem(random);
  const auto view = [](DType dtype, const Dims& dims) {
    return TensorView::contiguous(dtype, dims, static_cast<void*>(nullptr));
  };
  const auto check = [&](const QuantizedConvDesc& desc, const TensorView& src, const TensorView& dst) {
    return check_quantized_conv(desc, src, dst, {}).ok();
  };
  const TensorView src = view(DType::kU8, p.src_dims), dst = view(DType::kU8, p.dst_dims);
  EXPECT_TRUE(check(p.desc, src, dst));
  EXPECT_FALSE(check(p.desc, view(DType::kS8, p.src_dims), dst));
  EXPECT_FALSE(check(p.desc, src, view(DType::kS32, p.dst_dims)));
  EXPECT_FALSE(check(p.desc, dst, src)) << "channels the wrong way round";
  QuantizedConvDesc desc = p.desc;
  desc.weights.packing = Packing::kN16K1;
  EXPECT_FALSE(check(desc, src, dst));
  desc = p.desc;
  desc.weights.groups = 100;
  EXPECT_FALSE(check(desc, src, dst));
  desc = p.desc;
  desc.spatial = 4;
  EXPECT_FALSE(check(desc, src, dst));
}

}  // namespace
}  // namespace tegula::kernels
