#include "kernels/normalize/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/normalize/layer_norm_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

TensorView view_of(const Dims& dims, std::vector<float>& data) {
  return TensorView::contiguous(DType::kF32, dims, static_cast<void*>(data.data()));
}

TEST(LayerNorm, MatchesDoubleOverSeveralDimensions) {
  for (const bool rms : {false, true}) {
    std::vector<float> src(24), residual(24), scale(12), bias(12), dst(24), mean(2), inverse(2), sum(24);
    std::mt19937 rng(3);
    for (auto* x : {&src, &residual, &scale, &bias})
      for (float& e : *x) e = std::uniform_real_distribution<float>(-2, 3)(rng);
    const TensorView inputs[4] = {view_of({2, 3, 4}, src), view_of({3, 4}, scale), view_of({3, 4}, bias),
                                  view_of({2, 3, 4}, residual)};
    const TensorView outputs[4] = {view_of({2, 3, 4}, dst), view_of({2, 1, 1}, mean), view_of({2, 1, 1}, inverse),
                                   view_of({2, 3, 4}, sum)};
    const LayerNormDesc desc{1, 1e-3f, rms};
    ASSERT_TRUE(check(desc, inputs, outputs).ok());
    ASSERT_TRUE(layer_norm(desc, inputs, outputs).ok());
    for (std::size_t row = 0; row < 2; ++row) {
      double m = 0, v = 0;
      for (std::size_t i = 0; i < 12; ++i) m += (double(src[row * 12 + i]) + residual[row * 12 + i]) / 12;
      if (rms) m = 0;
      for (std::size_t i = 0; i < 12; ++i)
        v += std::pow(double(src[row * 12 + i]) + residual[row * 12 + i] - m, 2) / 12;
      EXPECT_NEAR(mean[row], m, 1e-5);
      EXPECT_NEAR(inverse[row], 1 / std::sqrt(v + 1e-3), 1e-5);
      for (std::size_t i = 0; i < 12; ++i) {
        const double x = double(src[row * 12 + i]) + residual[row * 12 + i];
        EXPECT_NEAR(sum[row * 12 + i], x, 1e-6);
        EXPECT_NEAR(dst[row * 12 + i], (x - m) / std::sqrt(v + 1e-3) * scale[i] + bias[i], 1e-5);
      }
    }
  }
}

TEST(LayerNorm, RefusesWhatDoesNotFit) {
  std::vector<float> data(64);
  const TensorView x = view_of({2, 8}, data), scale = view_of({8}, data), wrong = view_of({2}, data);
  const TensorView good[2] = {x, scale}, bad[2] = {x, wrong};
  EXPECT_TRUE(check({1}, good, {&x, 1}).ok());
  EXPECT_FALSE(check({1}, bad, {&x, 1}).ok());
  EXPECT_FALSE(check({2}, {&x, 1}, {&x, 1}).ok());
  EXPECT_FALSE(check({1}, {&x, 1}, {&scale, 1}).ok());
}

class LayerNormCodeTest : public testing::TestWithParam<jit::VectorIsa> {
 protected:
  void SetUp() override {
    if (!jit::has(jit::CpuFeatures::detect(), GetParam()))
      GTEST_SKIP() << "no " << jit::name_of(GetParam()) << " on this machine";
  }
};

TEST_P(LayerNormCodeTest, EqualsPlainLoopsBitForBit) {
  std::mt19937 rng(8);
  for (const int64_t n : {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 768})
    for (int variant = 0; variant < 16; ++variant) {
      const LayerNormCodeDesc code_desc{GetParam(), (variant & 1) != 0, (variant & 2) != 0, (variant & 4) != 0,
                                        (variant & 8) != 0};
      SCOPED_TRACE(concat(code_desc.name(), " n ", n));
      const auto size = static_cast<std::size_t>(n);
      GuardedBuffer<float> src(size), residual(size), scale(size), bias(size), got(size), want(size), got_sum(size),
          want_sum(size);
      GuardedBuffer<float> statistics(4);
      for (auto* x : {&src, &residual, &scale, &bias})
        for (std::size_t i = 0; i < size; ++i) (*x)[i] = std::uniform_real_distribution<float>(-2, 2)(rng);
      const auto view = [&](GuardedBuffer<float>& x, bool present = true) {
        TensorView v = TensorView::contiguous(DType::kF32, Dims{n}, static_cast<void*>(x.data()));
        if (!present) v.data = nullptr;
        return v;
      };
      const TensorView inputs[4] = {view(src), view(scale, code_desc.scale), view(bias, code_desc.bias),
                                    view(residual, code_desc.residual)};
      const TensorView outputs[4] = {
          view(want), TensorView::contiguous(DType::kF32, Dims{1}, static_cast<void*>(statistics.data())),
          TensorView::contiguous(DType::kF32, Dims{1}, static_cast<void*>(statistics.data() + 1)),
          view(want_sum, code_desc.residual)};
      const LayerNormDesc desc{0, 1e-5f, code_desc.rms};
      ASSERT_TRUE(check(desc, inputs, outputs).ok());
      ASSERT_TRUE(layer_norm(desc, inputs, outputs).ok());
      const auto code = build_layer_norm(code_desc);
      ASSERT_TRUE(code.ok()) << code.error().message;
      LayerNormCall call;
      call.src = src.data();
      call.residual = residual.data();
      call.scale = scale.data();
      call.bias = bias.data();
      call.dst = got.data();
      call.sum = got_sum.data();
      call.mean = statistics.data() + 2;
      call.inverse = statistics.data() + 3;
      call.n = n;
      call.count = static_cast<float>(n);
      call.epsilon = 1e-5f;
      (**code)(call);
      EXPECT_EQ(statistics[0], statistics[2]);
      EXPECT_EQ(statistics[1], statistics[3]);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(std::memcmp(&got[i], &want[i], 4), 0) << "element " << i << ": " << got[i] << " for " << want[i];
        if (code_desc.residual) {
          ASSERT_EQ(got_sum[i], want_sum[i]) << "sum " << i;
        }
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Isa, LayerNormCodeTest, testing::Values(jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512),
                         [](const auto& test) { return std::string(jit::name_of(test.param)); });

}  // namespace
}  // namespace tegula::kernels
