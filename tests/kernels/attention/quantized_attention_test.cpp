#include "kernels/attention/quantized_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/kernels/attention/quantized_attention_case.h"

namespace tegula::kernels {
namespace {

using test::Random;

TEST(QuantizedAttention, IsNearAttentionOfRealNumbers) {
  constexpr int64_t kSeq = 9, kDim = 16;
  const Dims dims = {1, kSeq, kDim};
  Random random(1);
  std::vector<uint8_t> q(kSeq * kDim), k(q.size()), v(q.size());
  std::vector<float> real[3], got(q.size()), want(q.size());
  const QuantizedOperand parts[3] = {{0.02f, 100}, {0.03f, 128}, {0.01f, 90}};
  std::vector<TensorView> integers, reals;
  const auto add = [&](std::vector<uint8_t>& x, std::size_t i) {
    for (uint8_t& e : x) {
      e = static_cast<uint8_t>(random());
      real[i].push_back(static_cast<float>(e - parts[i].zero_point) * parts[i].scale);
    }
    integers.push_back(TensorView::contiguous(DType::kU8, dims, static_cast<void*>(x.data())));
    reals.push_back(TensorView::contiguous(DType::kF32, dims, static_cast<void*>(real[i].data())));
  };
  add(q, 0);
  add(k, 1);
  add(v, 2);
  const TensorView to = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(got.data()));
  const TensorView exact = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(want.data()));
  QuantizedAttentionDesc desc;
  desc.q_zero_point = 100;
  desc.k_zero_point = 128;
  desc.v_zero_point = 90;
  desc.score_scale = 0.02f * 0.03f * 0.25f;
  desc.value_scale = 0.01f / 255.0f;
  ASSERT_TRUE(check(desc, integers, {&to, 1}).ok());
  ASSERT_TRUE(quantized_attention(desc, integers, {&to, 1}).ok());
  ASSERT_TRUE(attention({1, 1, 0.25f, false}, reals, {&exact, 1}).ok());
  // Each of the probabilities is rounded by half of 1/255 at most, and meets a v below 0.01 * 165.
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], kSeq * 0.5 / 255 * 1.65 + 1e-5) << i;
}

TEST(QuantizedAttention, RefusesWhatDoesNotFit) {
  std::vector<uint8_t> data(64);
  const TensorView a = TensorView::contiguous(DType::kU8, Dims{1, 2, 8}, static_cast<void*>(data.data()));
  TensorView real = a;
  real.dtype = DType::kF32;
  const TensorView same[3] = {a, a, a}, mixed[3] = {a, real, a};
  using Desc = QuantizedAttentionDesc;
  const auto refused = [&](const Desc& desc) { return !check(desc, same, {&a, 1}).ok(); };
  EXPECT_FALSE(refused({.heads = 2, .kv_heads = 2}));
  EXPECT_FALSE(check(Desc{.heads = 2, .kv_heads = 2}, mixed, {&a, 1}).ok());
  EXPECT_TRUE(refused({.heads = 3, .kv_heads = 3}));
  EXPECT_TRUE(refused({.q_zero_point = 256}));
  EXPECT_TRUE(refused({.v_zero_point = -1}));
  EXPECT_TRUE(refused({.score_scale = INFINITY}));
  EXPECT_TRUE(refused({.probability = {NAN, 0}}));
  EXPECT_TRUE(refused({.dst = {1.0f, 300}}));
  // Sums over a long row: by the probabilities, which add up to one, unless they have a zero point.
  TensorView long_k = a;
  long_k.dims[1] = 40000;
  const TensorView operands[3] = {a, long_k, long_k};
  EXPECT_TRUE(check(Desc{}, operands, {&a, 1}).ok());
  EXPECT_FALSE(check(Desc{.probability = {255.0f, 1}}, operands, {&a, 1}).ok());
}

TEST(QuantizedAttentionKernel, EqualsPlainLoopsBitForBitOnEveryIsaForEverySplit) {
  if (!jit::CpuFeatures::detect().avx2) GTEST_SKIP() << "no AVX2 on this machine";
  test::QuantizedAttentionSizes sizes;
  Random random(4);
  for (int round = 0; round < 80 && !HasFatalFailure(); ++round)
    check_quantized_attention(random, sizes, test::tiles_of);
}

}  // namespace
}  // namespace tegula::kernels
