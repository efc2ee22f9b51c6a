// Dynamic quantization against the formula of ONNX's DynamicQuantizeLinear in double.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "jit/cpu_features.h"
#include "kernels/float16.h"
#include "kernels/quantize/range_kernel.h"
#include "tests/kernels/plain_kernel.h"

namespace tegula::kernels {
namespace {

using test::Values;

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Quantized {
  std::vector<uint8_t> q;
  std::vector<float> scales;
  std::vector<int32_t> zero_points;
};

Quantized quantize(const Dims& dims, const std::vector<float>& values, bool per_row) {
  Values<float> src(dims, values);
  const int64_t parts = per_row ? rows_of(src.view()) : 1;
  Values<uint8_t> dst(dims);
  Values<float> scale({parts});
  Values<int32_t> zero_point({parts});
  expect_runs(dynamic_quantize, DynamicQuantizeDesc{per_row}, {src.view()},
              {dst.view(), scale.view(), zero_point.view()});
  return {dst.values(), scale.values(), zero_point.values()};
}

/// The formula in double; results within half a step of a tie may go either way.
void expect_follows_onnx(const float* values, std::size_t count, const uint8_t* q, float scale, int32_t zero_point) {
  double low = 0, high = 0;
  for (std::size_t i = 0; i < count; ++i) {
    low = std::min<double>(low, static_cast<double>(values[i]));
    high = std::max<double>(high, static_cast<double>(values[i]));
  }
  const double exact = (high - low) / 255;
  ASSERT_NEAR(static_cast<double>(scale), exact, exact * 0x1p-22);
  ASSERT_NEAR(zero_point, std::clamp(-low / exact, 0.0, 255.0), 0.5001);
  for (std::size_t i = 0; i < count; ++i)
    ASSERT_NEAR(q[i], std::clamp(static_cast<double>(values[i]) / exact + zero_point, 0.0, 255.0), 0.5001) << i;
}

TEST(DynamicQuantize, FollowsOnnx) {
  std::mt19937 random(1);
  for (const float offset : {-3.0f, -0.4f, 0.0f, 2.0f}) {
    std::vector<float> values(5 * 33);
    for (float& x : values) x = offset + static_cast<float>(random() % 1000) / 500.0f;
    const Quantized whole = quantize({5, 33}, values, false);
    expect_follows_onnx(values.data(), values.size(), whole.q.data(), whole.scales[0], whole.zero_points[0]);
    const Quantized rows = quantize({5, 33}, values, true);
    for (std::size_t r = 0; r < 5; ++r)
      expect_follows_onnx(&values[r * 33], 33, &rows.q[r * 33], rows.scales[r], rows.zero_points[r]);
  }
}

TEST(DynamicQuantize, ARowMayBeAnImage) {
  std::mt19937 random(3);
  std::vector<float> values(4 * 21);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i / 21) * (static_cast<float>(random() % 1000) / 500.0f - 0.7f);
  const Quantized rows = quantize({4, 21}, values, true);
  Values<float> src({4, 3, 7}, values);
  Values<uint8_t> dst({4, 3, 7});
  Values<float> scale({4, 1, 1});
  Values<int32_t> zero_point({4, 1, 1});
  expect_runs(dynamic_quantize, DynamicQuantizeDesc{.per_row = true}, {src.view()},
              {dst.view(), scale.view(), zero_point.view()});
  EXPECT_EQ(dst.values(), rows.q);
  EXPECT_EQ(scale.values(), rows.scales);
  EXPECT_EQ(zero_point.values(), rows.zero_points);
  for (const int64_t count : {1, 3, 7, 84}) {
    Values<float> other({count});
    EXPECT_FALSE(check({.per_row = true}, std::vector{src.view()}, std::vector{dst.view(), other.view()}).ok())
        << count;
  }
}

TEST(DynamicQuantize, ExampleOfTheOnnxSpecification) {
  const Quantized a = quantize({6}, {0, 2, -3, -2.5f, 1.34f, 0.5f}, false);
  EXPECT_EQ(a.q, (std::vector<uint8_t>{153, 255, 0, 26, 221, 179}));
  EXPECT_FLOAT_EQ(a.scales[0], 0.0196078438f);
  EXPECT_EQ(a.zero_points[0], 153);
  const Quantized b = quantize({6}, {-1, -2.1f, -1.3f, -2.5f, -3.34f, -4}, false);
  EXPECT_EQ(b.q, (std::vector<uint8_t>{191, 121, 172, 96, 42, 0}));
  EXPECT_EQ(b.zero_points[0], 255);
}

TEST(DynamicQuantize, RangesThatAreNone) {
  const Quantized zeros = quantize({3}, {0, -0.0f, 0}, false);
  EXPECT_EQ(zeros.scales[0], 1.0f);
  EXPECT_EQ(zeros.zero_points[0], 0);
  EXPECT_EQ(zeros.q, (std::vector<uint8_t>{0, 0, 0}));
  EXPECT_EQ(quantize({2}, {1e-45f, 0}, false).scales[0], 1.0f);
  const Quantized nan = quantize({3}, {NAN, 255, -0.0f}, false);
  EXPECT_EQ(nan.scales[0], 1.0f);
  EXPECT_EQ(nan.q, (std::vector<uint8_t>{0, 255, 0}));
  EXPECT_EQ(quantize({2}, {-kInf, 1}, false).zero_points[0], 0);
  EXPECT_EQ(quantize({2, 0}, {}, true).scales, (std::vector<float>{1, 1}));
  EXPECT_TRUE(quantize({0, 3}, {}, true).scales.empty());
}

TEST(DynamicQuantize, GeneratedRangesAreThoseOfPlainLoops) {
  std::mt19937 random(2);
  for (const char* name : {"avx2", "avx512"}) {
    const jit::CpuFeatures cap = jit::CpuFeatures::from_name(name).value();
    if (jit::CpuFeatures::detect().intersect(cap) != cap) continue;
    for (const DType type : {DType::kF32, DType::kBF16}) {
      const RangeCodeDesc desc{cap.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2, type};
      const auto code = build_range(desc);
      ASSERT_TRUE(code.ok()) << code.error().message;
      for (std::size_t n = 0; n < 150; ++n) {
        test::GuardedBuffer<uint16_t> data(n * size_of(type) / 2);
        ValueRange expected;
        for (std::size_t i = 0; i < n; ++i) {
          const auto bits = static_cast<uint16_t>(random());  // NaN, infinities and zeros of both signs among them
          data[(i + 1) * size_of(type) / 2 - 1] = bits;
          if (type == DType::kF32) data[i * 2] = 0;
          expected.include(f32_from_bf16(bits));
        }
        ValueRange actual;
        (**code)(reinterpret_cast<const std::byte*>(data.data()), static_cast<int64_t>(n), actual);
        ASSERT_EQ(std::bit_cast<uint32_t>(actual.min), std::bit_cast<uint32_t>(expected.min)) << desc.name() << n;
        ASSERT_EQ(std::bit_cast<uint32_t>(actual.max), std::bit_cast<uint32_t>(expected.max)) << desc.name() << n;
      }
    }
  }
}

TEST(DynamicQuantize, SymmetricForSignedResults) {
  Values<float> src({4}, {-2, 1, 0.5f, 1.9f});
  Values<int8_t> dst({4});
  Values<float> scale(Dims{});
  expect_runs(dynamic_quantize, DynamicQuantizeDesc{}, {src.view()}, {dst.view(), scale.view()});
  EXPECT_EQ(dst.values(), (std::vector<int8_t>{-127, 64, 32, 121}));
  EXPECT_EQ(scale.values()[0], 2.0f / 127.0f);
}

TEST(DynamicQuantize, RefusesOperandsThatDoNotFit) {
  Values<float> src({2, 3}), scale({2}), one(Dims{});
  Values<uint8_t> dst({2, 3}), u8_points({2});
  Values<int8_t> s8({2, 3});
  Values<int32_t> wide({2, 3}), points({3});
  const auto refused = [](bool per_row, Views inputs, Views outputs) {
    return !check(DynamicQuantizeDesc{per_row}, inputs, outputs).ok();
  };
  const std::vector in{src.view()};
  EXPECT_FALSE(refused(true, in, std::vector{dst.view(), scale.view(), u8_points.view()}));
  EXPECT_FALSE(refused(false, in, std::vector{dst.view(), one.view()}));
  EXPECT_TRUE(refused(false, in, std::vector{dst.view(), scale.view()}));
  EXPECT_TRUE(refused(true, in, std::vector{dst.view(), one.view()}));
  EXPECT_TRUE(refused(true, in, std::vector{wide.view(), scale.view()}));
  EXPECT_TRUE(refused(true, in, std::vector{s8.view(), scale.view(), u8_points.view()}));
  EXPECT_TRUE(refused(true, in, std::vector{dst.view(), scale.view(), points.view()}));
  EXPECT_TRUE(refused(true, in, std::vector{u8_points.view(), scale.view()}));
  EXPECT_TRUE(refused(true, std::vector{wide.view()}, std::vector{dst.view(), scale.view()}));
}

}  // namespace
}  // namespace tegula::kernels
