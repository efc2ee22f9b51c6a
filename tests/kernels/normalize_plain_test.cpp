// The plain loops of layer and group normalisation against sums in double, and their refusals.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/normalize/group_norm.h"
#include "kernels/normalize/layer_norm.h"

namespace tegula::kernels {
namespace {

std::vector<float> numbers(std::size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / static_cast<float>(1 << 23) - 1.0f;
  }
  return values;
}

TensorView view_of(std::vector<float>& values, const Dims& dims) {
  return TensorView::contiguous(DType::kF32, dims, static_cast<void*>(values.data()));
}

struct Expected {
  double mean, inverse;
};

Expected statistics(const std::vector<double>& x, double epsilon, bool rms) {
  double mean = 0, squares = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  if (rms) mean = 0;
  for (const double v : x) squares += (v - mean) * (v - mean) / static_cast<double>(x.size());
  return {mean, 1 / std::sqrt(squares + epsilon)};
}

TEST(LayerNormPlain, WithEveryOperand) {
  for (const bool rms : {false, true})
    for (const int64_t n : {1, 7, 64, 65, 200}) {
      const int64_t rows = 3;
      const auto count = static_cast<std::size_t>(rows * n), row = static_cast<std::size_t>(n);
      auto src = numbers(count, 1), residual = numbers(count, 2), scale = numbers(row, 3), bias = numbers(row, 4);
      std::vector<float> dst(count), mean(3), inverse(3), sum(count);
      const Dims dims = {rows, n};
      const LayerNormDesc desc{.axis = 1, .epsilon = 1e-3f, .rms = rms};
      const std::vector<TensorView> inputs = {view_of(src, dims), view_of(scale, {n}), view_of(bias, {n}),
                                              view_of(residual, dims)};
      const std::vector<TensorView> outputs = {view_of(dst, dims), view_of(mean, {rows, 1}), view_of(inverse, {rows}),
                                               view_of(sum, dims)};
      ASSERT_TRUE(check(desc, inputs, outputs).ok());
      ASSERT_TRUE(layer_norm(desc, inputs, outputs).ok());
      for (std::size_t r = 0; r < 3; ++r) {
        std::vector<double> x;
        for (std::size_t i = 0; i < row; ++i)
          x.push_back(static_cast<double>(src[r * row + i] + residual[r * row + i]));
        const Expected expected = statistics(x, 1e-3, rms);
        // n sums of numbers up to 2, each rounded once.
        EXPECT_NEAR(mean[r], expected.mean, 3e-7);
        EXPECT_NEAR(inverse[r], expected.inverse, 2e-6 * expected.inverse);
        for (std::size_t i = 0; i < row; ++i) {
          EXPECT_EQ(sum[r * row + i], src[r * row + i] + residual[r * row + i]);
          const double t = (x[i] - expected.mean) * expected.inverse;
          EXPECT_NEAR(dst[r * row + i], t * static_cast<double>(scale[i]) + static_cast<double>(bias[i]), 2e-5);
        }
      }
    }
}

TEST(LayerNormPlain, SeveralDimensionsAndInPlace) {
  auto src = numbers(24, 5);
  const std::vector<float> original = src;
  const LayerNormDesc desc{.axis = 1};
  const std::vector<TensorView> both = {view_of(src, {2, 3, 4})};
  ASSERT_TRUE(layer_norm(desc, both, both).ok());
  for (std::size_t r = 0; r < 2; ++r) {
    const std::vector<double> x(original.begin() + static_cast<std::ptrdiff_t>(12 * r),
                                original.begin() + static_cast<std::ptrdiff_t>(12 * r + 12));
    const Expected expected = statistics(x, 1e-5, false);
    for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(src[12 * r + i], (x[i] - expected.mean) * expected.inverse, 1e-5);
  }
}

TEST(LayerNormPlain, Refusals) {
  auto x = numbers(12, 1), y = numbers(12, 2), four = numbers(4, 3);
  const std::vector<TensorView> out = {view_of(y, {3, 4})};
  const auto refused = [&](const LayerNormDesc& desc, std::vector<TensorView> inputs,
                           const std::vector<TensorView>& outputs) { return !check(desc, inputs, outputs).ok(); };
  EXPECT_FALSE(refused({.axis = 1}, {view_of(x, {3, 4}), view_of(four, {4})}, out));
  EXPECT_TRUE(refused({.axis = 2}, {view_of(x, {3, 4})}, out));
  EXPECT_TRUE(refused({.axis = 0}, {view_of(x, {3, 4}), view_of(four, {4})}, out));
  EXPECT_TRUE(refused({.axis = 1}, {view_of(x, {4, 3})}, out));
  EXPECT_TRUE(refused({.axis = 1}, {view_of(x, {3, 4}), {}, {}, view_of(four, {4})}, out));
  EXPECT_TRUE(refused({.axis = 1}, {}, out));
}

TEST(GroupNormPlain, GroupsAndInstances) {
  const int64_t images = 2, height = 3, width = 5, channels = 12;
  const auto count = static_cast<std::size_t>(images * height * width * channels);
  auto src = numbers(count, 7), scale = numbers(12, 8), bias = numbers(12, 9);
  std::vector<float> dst(count);
  const Dims dims = {images, height, width, channels};
  for (const int64_t groups : {1, 3, 12}) {
    const GroupNormDesc desc{.groups = groups, .epsilon = 1e-4f};
    const std::vector<TensorView> inputs = {view_of(src, dims), view_of(scale, {channels}), view_of(bias, {channels})};
    const std::vector<TensorView> outputs = {view_of(dst, dims)};
    ASSERT_TRUE(check(desc, inputs, outputs).ok());
    ASSERT_TRUE(group_norm(desc, inputs, outputs).ok());
    const int64_t per_group = channels / groups;
    for (int64_t n = 0; n < images; ++n)
      for (int64_t g = 0; g < groups; ++g) {
        std::vector<double> x;
        for (int64_t p = 0; p < height * width; ++p)
          for (int64_t c = 0; c < per_group; ++c)
            x.push_back(static_cast<double>(
                src[static_cast<std::size_t>((n * height * width + p) * channels + g * per_group + c)]));
        const Expected expected = statistics(x, 1e-4, false);
        for (int64_t p = 0; p < height * width; ++p)
          for (int64_t c = g * per_group; c < (g + 1) * per_group; ++c) {
            const auto at = static_cast<std::size_t>((n * height * width + p) * channels + c);
            const auto channel = static_cast<std::size_t>(c);
            const double t = (static_cast<double>(src[at]) - expected.mean) * expected.inverse;
            EXPECT_NEAR(dst[at], t * static_cast<double>(scale[channel]) + static_cast<double>(bias[channel]), 1e-5);
          }
      }
  }
}

TEST(GroupNormPlain, Refusals) {
  auto x = numbers(12, 1), four = numbers(4, 2);
  const std::vector<TensorView> out = {view_of(x, {3, 4})};
  const std::vector<TensorView> good = {view_of(x, {3, 4}), view_of(four, {4}), view_of(four, {4})};
  EXPECT_TRUE(check(GroupNormDesc{.groups = 2}, good, out).ok());
  EXPECT_FALSE(check(GroupNormDesc{.groups = 3}, good, out).ok());
  EXPECT_FALSE(check(GroupNormDesc{.groups = 0}, good, out).ok());
  const std::vector<TensorView> short_scale = {view_of(x, {3, 4}), view_of(four, {2}), view_of(four, {4})};
  EXPECT_FALSE(check(GroupNormDesc{.groups = 2}, short_scale, out).ok());
}

}  // namespace
}  // namespace tegula::kernels
