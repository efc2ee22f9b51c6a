#include "kernels/softmax/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/softmax/softmax_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

TEST(Softmax, MatchesDoubleAlongAnyAxis) {
  const Dims dims = {3, 5, 4};
  std::vector<float> src(60), dst(60);
  std::mt19937 rng(1);
  for (float& x : src) x = std::uniform_real_distribution<float>(-8, 8)(rng);
  const TensorView from = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(src.data()));
  const TensorView to = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(dst.data()));
  for (int axis = 0; axis < 3; ++axis)
    for (const bool log : {false, true}) {
      const SoftmaxDesc desc{axis, log, 0.5f};
      ASSERT_TRUE(check(desc, {&from, 1}, {&to, 1}).ok());
      ASSERT_TRUE(softmax(desc, {&from, 1}, {&to, 1}).ok());
      const int64_t stride = from.strides[static_cast<std::size_t>(axis)], n = dims[static_cast<std::size_t>(axis)];
      for (int64_t i = 0; i < 60; ++i) {
        const int64_t first = i - i / stride % n * stride;
        double sum = 0;
        for (int64_t k = 0; k < n; ++k) sum += std::exp(0.5 * src[static_cast<std::size_t>(first + k * stride)]);
        const double log_y = 0.5 * src[static_cast<std::size_t>(i)] - std::log(sum);
        EXPECT_NEAR(dst[static_cast<std::size_t>(i)], log ? log_y : std::exp(log_y), 2e-6)
            << "axis " << axis << " element " << i;
      }
    }
}

TEST(Softmax, AddsABroadcastMask) {
  std::vector<float> src = {1, 2, 3, 4, 5, 6}, mask = {0, -std::numeric_limits<float>::infinity(), 0}, dst(6);
  const TensorView inputs[2] = {TensorView::contiguous(DType::kF32, Dims{2, 3}, static_cast<void*>(src.data())),
                                TensorView::contiguous(DType::kF32, Dims{3}, static_cast<void*>(mask.data()))};
  const TensorView to = TensorView::contiguous(DType::kF32, Dims{2, 3}, static_cast<void*>(dst.data()));
  ASSERT_TRUE(check({1}, inputs, {&to, 1}).ok());
  ASSERT_TRUE(softmax({1}, inputs, {&to, 1}).ok());
  EXPECT_EQ(dst[1], 0);
  EXPECT_NEAR(dst[2], 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_EQ(dst[5], dst[2]);
}

TEST(Softmax, RefusesWhatDoesNotFit) {
  std::vector<float> data(8);
  const TensorView a = TensorView::contiguous(DType::kF32, Dims{2, 3}, static_cast<void*>(data.data()));
  const TensorView b = TensorView::contiguous(DType::kF32, Dims{3, 2}, static_cast<void*>(data.data()));
  const TensorView integers = TensorView::contiguous(DType::kS32, Dims{2, 3}, static_cast<void*>(data.data()));
  EXPECT_FALSE(check({2}, {&a, 1}, {&a, 1}).ok());
  EXPECT_FALSE(check({1}, {&a, 1}, {&b, 1}).ok());
  EXPECT_FALSE(check({1}, {&integers, 1}, {&integers, 1}).ok());
  const TensorView inputs[2] = {a, b};
  EXPECT_FALSE(check({1}, inputs, {&a, 1}).ok());
}

class SoftmaxCodeTest : public testing::TestWithParam<jit::VectorIsa> {
 protected:
  void SetUp() override {
    if (!jit::has(jit::CpuFeatures::detect(), GetParam()))
      GTEST_SKIP() << "no " << jit::name_of(GetParam()) << " on this machine";
  }
};

TEST_P(SoftmaxCodeTest, EqualsPlainLoopsBitForBit) {
  std::mt19937 rng(2);
  for (const int64_t n : {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 128, 1000})
    for (const bool log : {false, true})
      for (const bool masked : {false, true})
        for (const int special : {0, 1, 2}) {
          SCOPED_TRACE(concat("n ", n, " log ", log, " mask ", masked, " special ", special));
          const auto size = static_cast<std::size_t>(n);
          GuardedBuffer<float> src(size), mask(size), got(size), want(size);
          for (std::size_t i = 0; i < size; ++i) {
            src[i] = std::uniform_real_distribution<float>(-20, 20)(rng);
            mask[i] = rng() % 3 == 0 ? -10000.0f : 0.0f;
          }
          if (special == 1 && n > 0) src[rng() % size] = std::numeric_limits<float>::infinity() * (rng() % 2 ? 1 : -1);
          if (special == 2 && n > 0) src[rng() % size] = std::nanf("");
          const SoftmaxDesc desc{0, log, 0.125f};
          const TensorView inputs[2] = {TensorView::contiguous(DType::kF32, Dims{n}, static_cast<void*>(src.data())),
                                        TensorView::contiguous(DType::kF32, Dims{n}, static_cast<void*>(mask.data()))};
          const TensorView to = TensorView::contiguous(DType::kF32, Dims{n}, static_cast<void*>(want.data()));
          ASSERT_TRUE(softmax(desc, {inputs, masked ? 2u : 1u}, {&to, 1}).ok());
          const auto code = build_softmax({GetParam(), log, masked});
          ASSERT_TRUE(code.ok()) << code.error().message;
          (**code)({src.data(), mask.data(), got.data(), n, 0.125f});
          for (std::size_t i = 0; i < size; ++i) {
            if (std::isnan(want[i]) && std::isnan(got[i])) continue;  // payloads of NaN are not part of the contract
            ASSERT_EQ(std::memcmp(&got[i], &want[i], 4), 0) << "element " << i << ": " << got[i] << " for " << want[i];
          }
        }
}

INSTANTIATE_TEST_SUITE_P(Isa, SoftmaxCodeTest, testing::Values(jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512),
                         [](const auto& test) { return std::string(jit::name_of(test.param)); });

}  // namespace
}  // namespace tegula::kernels
