#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/attention/attention_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

TEST(Attention, MatchesDouble) {
  constexpr int64_t kBatch = 2, kHeads = 2, kSeq = 3, kDim = 4;
  std::mt19937 rng(1);
  std::vector<float> q(kBatch * kSeq * kHeads * kDim), k(q.size()), v(q.size()), dst(q.size());
  for (std::vector<float>* x : {&q, &k, &v})
    for (float& e : *x) e = std::uniform_real_distribution<float>(-2, 2)(rng);
  const Dims dims = {kBatch, kSeq, kHeads * kDim};
  const TensorView inputs[3] = {TensorView::contiguous(DType::kF32, dims, static_cast<void*>(q.data())),
                                TensorView::contiguous(DType::kF32, dims, static_cast<void*>(k.data())),
                                TensorView::contiguous(DType::kF32, dims, static_cast<void*>(v.data()))};
  const TensorView to = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(dst.data()));
  const AttentionDesc desc{kHeads, kHeads, 0.5f, true};
  ASSERT_TRUE(check(desc, inputs, {&to, 1}).ok());
  ASSERT_TRUE(attention(desc, inputs, {&to, 1}).ok());
  const auto at = [&](const std::vector<float>& x, int64_t b, int64_t i, int64_t h, int64_t d) {
    return static_cast<double>(x[static_cast<std::size_t>(((b * kSeq + i) * kHeads + h) * kDim + d)]);
  };
  for (int64_t b = 0; b < kBatch; ++b)
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t i = 0; i < kSeq; ++i) {
        double p[kSeq] = {}, sum = 0;
        for (int64_t j = 0; j <= i; ++j) {
          for (int64_t d = 0; d < kDim; ++d) p[j] += at(q, b, i, h, d) * at(k, b, j, h, d);
          sum += p[j] = std::exp(0.5 * p[j]);
        }
        for (int64_t d = 0; d < kDim; ++d) {
          double want = 0;
          for (int64_t j = 0; j <= i; ++j) want += p[j] / sum * at(v, b, j, h, d);
          EXPECT_NEAR(at(dst, b, i, h, d), want, 1e-5);
        }
      }
}

TEST(Attention, RefusesWhatDoesNotFit) {
  std::vector<float> data(64);
  const TensorView a = TensorView::contiguous(DType::kF32, Dims{1, 2, 8}, static_cast<void*>(data.data()));
  const TensorView b = TensorView::contiguous(DType::kF32, Dims{1, 2, 6}, static_cast<void*>(data.data()));
  const TensorView same[3] = {a, a, a}, other[3] = {a, b, a};
  EXPECT_TRUE(check({2, 2}, same, {&a, 1}).ok());
  EXPECT_FALSE(check({3, 3}, same, {&a, 1}).ok());
  EXPECT_FALSE(check({2, 2}, other, {&a, 1}).ok());
  EXPECT_FALSE(check({2, 2}, same, {&b, 1}).ok());
  EXPECT_FALSE(check({2, 2, -1.0f, true}, same, {&a, 1}).ok());
}

class AttentionKernelTest : public testing::TestWithParam<jit::VectorIsa> {
 protected:
  void SetUp() override {
    if (!jit::has(jit::CpuFeatures::detect(), GetParam()))
      GTEST_SKIP() << "no " << jit::name_of(GetParam()) << " on this machine";
  }
};

TEST_P(AttentionKernelTest, EqualsPlainLoopsBitForBitForEverySplit) {
  std::mt19937 rng(4);
  const auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[rng() % from.size()]; };
  const auto tiles = build_tiles({GetParam() == jit::VectorIsa::kAvx512 ? TileIsa::kAvx512 : TileIsa::kAvx2, {}});
  ASSERT_TRUE(tiles.ok()) << tiles.error().message;
  const SoftmaxCodePtr softmax[2] = {*build_softmax({GetParam(), false, false}),
                                     *build_softmax({GetParam(), false, true})};
  for (int round = 0; round < 60; ++round) {
    const int64_t batch = pick({1, 2}), kv_heads = pick({1, 2}), heads = kv_heads * pick({1, 3});
    const int64_t seq_q = pick({1, 2, 7, 15, 33, 60}), seq_kv = pick({1, 5, 16, 17, 40}), dim = pick({1, 8, 20}),
                  value_dim = pick({4, 16, 20});
    const int64_t gap = pick({0, 3});
    const AttentionDesc desc{heads, kv_heads, 0.3f, pick({0, 1}) != 0};
    const int mask_kind = static_cast<int>(pick({0, 1, 2, 3}));
    SCOPED_TRACE(concat("round ", round, " batch ", batch, " heads ", heads, "/", kv_heads, " seq ", seq_q, "x", seq_kv,
                        " dim ", dim, "/", value_dim, " mask ", mask_kind));

    const auto buffer = [&](int64_t rows, int64_t columns) {
      return GuardedBuffer<float>(static_cast<std::size_t>((rows - 1) * (columns + gap) + columns));
    };
    const auto view = [&](GuardedBuffer<float>& memory, int64_t rows, int64_t columns) {
      TensorView t = TensorView::contiguous(DType::kF32, Dims{batch, rows, columns}, static_cast<void*>(memory.data()));
      t.strides[1] = columns + gap;
      t.strides[0] = rows * t.strides[1];
      return t;
    };
    GuardedBuffer<float> q = buffer(batch * seq_q, heads * dim), k = buffer(batch * seq_kv, kv_heads * dim),
                         v = buffer(batch * seq_kv, kv_heads * value_dim);
    GuardedBuffer<float> got = buffer(batch * seq_q, heads * value_dim),
                         want = buffer(batch * seq_q, heads * value_dim);
    const Dims mask_dims[4] = {{}, {batch, 1, 1, seq_kv}, {seq_q, seq_kv}, {batch, heads, seq_q, 1}};
    GuardedBuffer<float> mask(static_cast<std::size_t>(element_count(mask_dims[mask_kind])));
    for (GuardedBuffer<float>* x : {&q, &k, &v})
      for (std::size_t i = 0; i < x->size(); ++i) (*x)[i] = std::uniform_real_distribution<float>(-1, 1)(rng);
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = rng() % 4 == 0 ? -10000.0f : 0.0f;
    for (std::size_t i = 0; i < got.size(); ++i) got[i] = want[i] = 77;

    TensorView inputs[4] = {
        view(q, seq_q, heads * dim), view(k, seq_kv, kv_heads * dim), view(v, seq_kv, kv_heads * value_dim), {}};
    if (mask_kind != 0)
      inputs[3] = TensorView::contiguous(DType::kF32, mask_dims[mask_kind], static_cast<void*>(mask.data()));
    const TensorView plain = view(want, seq_q, heads * value_dim);
    ASSERT_TRUE(check(desc, inputs, {&plain, 1}).ok());
    ASSERT_TRUE(attention(desc, inputs, {&plain, 1}).ok());

    const AttentionKernel kernel(desc, *tiles, softmax[mask_kind != 0]);
    AttentionKernel::Operands operands{inputs[0], inputs[1], inputs[2], view(got, seq_q, heads * value_dim), {}};
    if (mask_kind != 0) operands.mask = inputs[3].broadcast_to(Dims{batch, heads, seq_q, seq_kv});
    GuardedBuffer<float> scratch(kernel.scratch_bytes(operands) / 4);
    const int64_t units = batch * heads;
    const int64_t blocks = round % 3 == 0 ? 1 : round % 3 == 1 ? units : seq_q >= 15 ? 2 * units : units;
    for (int64_t block = blocks - 1; block >= 0; --block)
      kernel.run(operands, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));
    for (std::size_t i = 0; i < want.size(); ++i)
      ASSERT_EQ(std::memcmp(&got[i], &want[i], 4), 0) << "element " << i << ": " << got[i] << " for " << want[i];
    EXPECT_GE(kernel.blocks(operands, 2), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, AttentionKernelTest, testing::Values(jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512),
                         [](const auto& test) { return std::string(jit::name_of(test.param)); });

}  // namespace
}  // namespace tegula::kernels
