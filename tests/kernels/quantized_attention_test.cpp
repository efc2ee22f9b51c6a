#include "kernels/attention/quantized_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/attention/quantized_attention_kernel.h"
#include "tests/kernels/gemm/typed_tiles.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using tegula::test::GuardedBuffer;
using test::fill_bits;
using test::one_in;
using test::pick;
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

/// Everything about one call, at random.
struct Case {
  int64_t batch, heads, kv_heads, seq_q, seq_kv, dim, value_dim, gap;
  QuantizedAttentionDesc desc;
  DType dst;
  int mask_kind;

  explicit Case(Random& random) {
    const auto any = [&](std::initializer_list<int64_t> from) { return from.begin()[random() % from.size()]; };
    batch = any({1, 2});
    kv_heads = any({1, 2});
    heads = kv_heads * any({1, 3});
    seq_q = any({1, 2, 7, 15, 33, 60});
    seq_kv = any({1, 5, 16, 17, 40, 67});
    dim = any({1, 8, 20, 64});
    value_dim = any({4, 16, 20, 64});
    gap = any({0, 3});
    const DType types[] = {DType::kU8, DType::kS8, DType::kF32, DType::kBF16};
    dst = types[random() % 4];
    mask_kind = static_cast<int>(any({0, 1, 2, 3}));
    const auto zero_point = [&] { return static_cast<int32_t>(one_in(random, 2) ? 128 : pick(random, 0, 255)); };
    desc.heads = heads;
    desc.kv_heads = kv_heads;
    desc.causal = one_in(random, 3);
    desc.q_zero_point = one_in(random, 4) ? 0 : zero_point();
    desc.k_zero_point = zero_point();
    desc.v_zero_point = zero_point();
    desc.score_scale = 1e-4f;
    desc.probability = {one_in(random, 3) ? 700.0f : 255.0f, static_cast<int32_t>(one_in(random, 3) ? 13 : 0)};
    desc.value_scale = 1e-2f;
    if (is_quantized(dst)) desc.dst = {one_in(random, 3) ? 1.0f : 3.0f, static_cast<int32_t>(pick(random, 0, 100))};
  }
};

RowConverter probabilities_of(const QuantizedAttentionDesc& desc) {
  RowConverter row = RowConverter::from_real(DType::kU8, desc.probability);
  if (const auto code = row.code_desc(jit::CpuFeatures::detect())) row.use(*build_eltwise(*code));
  return row;
}

TEST(QuantizedAttentionKernel, EqualsPlainLoopsBitForBitOnEveryIsaForEverySplit) {
  const jit::CpuFeatures cpu = jit::CpuFeatures::detect();
  if (!cpu.avx2) GTEST_SKIP() << "no AVX2 on this machine";
  const jit::VectorIsa isa = cpu.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2;
  const SoftmaxCodePtr softmax[2] = {*build_softmax({isa, false, false}), *build_softmax({isa, false, true})};
  Random random(4);
  for (int round = 0; round < 80; ++round) {
    const Case c(random);
    SCOPED_TRACE(concat("round ", round, " batch ", c.batch, " heads ", c.heads, "/", c.kv_heads, " seq ", c.seq_q, "x",
                        c.seq_kv, " dim ", c.dim, "/", c.value_dim, " mask ", c.mask_kind, " to ", name_of(c.dst)));
    using Bytes = GuardedBuffer<std::byte>;
    const auto view_of = [&](Bytes& memory, DType type, int64_t rows, int64_t columns) {
      TensorView t = TensorView::contiguous(type, Dims{c.batch, rows, columns}, static_cast<void*>(memory.data()));
      t.strides[1] = columns + c.gap;
      t.strides[0] = rows * t.strides[1];
      return t;
    };
    const auto bytes_of = [&](DType type, int64_t rows, int64_t columns) {
      return static_cast<std::size_t>((c.batch * rows - 1) * (columns + c.gap) + columns) * size_of(type);
    };
    Bytes q(bytes_of(DType::kU8, c.seq_q, c.heads * c.dim)), k(bytes_of(DType::kU8, c.seq_kv, c.kv_heads * c.dim)),
        v(bytes_of(DType::kU8, c.seq_kv, c.kv_heads * c.value_dim));
    for (Bytes* x : {&q, &k, &v}) fill_bits(random, *x);
    const Dims mask_dims[4] = {{}, {c.batch, 1, 1, c.seq_kv}, {c.seq_q, c.seq_kv}, {c.batch, c.heads, c.seq_q, 1}};
    const Dims& own_mask_dims = mask_dims[c.mask_kind];
    GuardedBuffer<float> mask(static_cast<std::size_t>(element_count(own_mask_dims)));
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = one_in(random, 4) ? -10000.0f : 0.0f;

    TensorView inputs[4] = {view_of(q, DType::kU8, c.seq_q, c.heads * c.dim),
                            view_of(k, DType::kU8, c.seq_kv, c.kv_heads * c.dim),
                            view_of(v, DType::kU8, c.seq_kv, c.kv_heads * c.value_dim),
                            {}};
    if (c.mask_kind != 0)
      inputs[3] = TensorView::contiguous(DType::kF32, own_mask_dims, static_cast<void*>(mask.data()));
    Bytes before(bytes_of(c.dst, c.seq_q, c.heads * c.value_dim)), want(before.size());
    fill_bits(random, before);
    std::memcpy(want.data(), before.data(), before.size());
    const TensorView plain = view_of(want, c.dst, c.seq_q, c.heads * c.value_dim);
    const Status checked = check(c.desc, inputs, {&plain, 1});
    ASSERT_TRUE(checked.ok()) << checked.error().message;
    ASSERT_TRUE(quantized_attention(c.desc, inputs, {&plain, 1}).ok());

    const EpilogueDesc scores = QuantizedAttentionKernel::score_epilogue(c.desc),
                       values = QuantizedAttentionKernel::value_epilogue(c.desc, c.dst);
    const auto score_tiles = test::tiles_of({DType::kU8, DType::kS8, DType::kF32}, scores),
               value_tiles = test::tiles_of({DType::kU8, DType::kS8, c.dst}, values);
    for (std::size_t i = 0; i < score_tiles.size(); ++i) {
      const QuantizedAttentionKernel kernel(c.desc, score_tiles[i], value_tiles[i], softmax[c.mask_kind != 0],
                                            probabilities_of(c.desc));
      const int64_t units = c.batch * c.heads;
      for (const int64_t blocks : {int64_t{1}, units, c.seq_q >= 15 ? 2 * units : units}) {
        Bytes got(before.size());
        std::memcpy(got.data(), before.data(), before.size());
        QuantizedAttentionKernel::Operands operands{
            inputs[0], inputs[1], inputs[2], view_of(got, c.dst, c.seq_q, c.heads * c.value_dim), {}};
        if (c.mask_kind != 0) operands.mask = inputs[3].broadcast_to(Dims{c.batch, c.heads, c.seq_q, c.seq_kv});
        Bytes scratch(kernel.scratch_bytes(operands));
        fill_bits(random, scratch);
        for (int64_t block = blocks - 1; block >= 0; --block) kernel.run(operands, block, blocks, scratch.data());
        ASSERT_EQ(std::memcmp(got.data(), want.data(), want.size()), 0) << score_tiles[i]->desc().name();
        EXPECT_GE(kernel.blocks(operands, 2), 1);
      }
    }
  }
}

}  // namespace
}  // namespace tegula::kernels
