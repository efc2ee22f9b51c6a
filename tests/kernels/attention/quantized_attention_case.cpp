#include "tests/kernels/attention/quantized_attention_case.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

#include "kernels/attention/quantized_attention.h"
#include "kernels/attention/quantized_attention_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels::test {
namespace {

using Bytes = tegula::test::GuardedBuffer<std::byte>;

int64_t any(Random& random, const std::vector<int64_t>& from) {
  return from[random() % from.size()];
}

/// Everything about one call, at random.
struct Case {
  int64_t batch, heads, kv_heads, seq_q, seq_kv, dim, value_dim, gap;
  QuantizedAttentionDesc desc;
  DType dst;
  int mask_kind;

  Case(Random& random, const QuantizedAttentionSizes& sizes) {
    batch = pick(random, 1, 2);
    kv_heads = pick(random, 1, 2);
    heads = kv_heads * any(random, {1, 3});
    seq_q = any(random, sizes.seq_q);
    seq_kv = any(random, sizes.seq_kv);
    dim = any(random, sizes.dim);
    value_dim = any(random, sizes.value_dim);
    gap = any(random, {0, 3});
    const DType types[] = {DType::kU8, DType::kS8, DType::kF32, DType::kBF16};
    dst = types[random() % 4];
    mask_kind = static_cast<int>(pick(random, 0, 3));
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

  int64_t units() const { return batch * heads; }
  Dims mask_dims() const {
    const Dims kinds[4] = {{}, {batch, 1, 1, seq_kv}, {seq_q, seq_kv}, {batch, heads, seq_q, 1}};
    return kinds[mask_kind];
  }
  std::size_t bytes(DType type, int64_t rows, int64_t columns) const {
    return static_cast<std::size_t>((batch * rows - 1) * (columns + gap) + columns) * size_of(type);
  }
  TensorView view(Bytes& memory, DType type, int64_t rows, int64_t columns) const {
    TensorView t = TensorView::contiguous(type, Dims{batch, rows, columns}, static_cast<void*>(memory.data()));
    t.strides[1] = columns + gap;
    t.strides[0] = rows * t.strides[1];
    return t;
  }
  std::string text() const {
    return concat("batch ", batch, " heads ", heads, "/", kv_heads, " seq ", seq_q, "x", seq_kv, " dim ", dim, "/",
                  value_dim, " mask ", mask_kind, " to ", name_of(dst));
  }
};

QuantizedAttentionKernel kernel_of(const Case& c, const TileSetPtr& score_tiles, const TileSetPtr& value_tiles) {
  const jit::CpuFeatures cpu = jit::CpuFeatures::detect();
  const jit::VectorIsa isa = cpu.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2;
  RowConverter probabilities = RowConverter::from_real(DType::kU8, c.desc.probability);
  if (const auto code = probabilities.code_desc(cpu)) probabilities.use(*build_eltwise(*code));
  return QuantizedAttentionKernel(c.desc, score_tiles, value_tiles, *build_softmax({isa, false, c.mask_kind != 0}),
                                  std::move(probabilities));
}

}  // namespace

void check_quantized_attention(Random& random, const QuantizedAttentionSizes& sizes, TileSets sets) {
  const Case c(random, sizes);
  SCOPED_TRACE(c.text());
  Bytes q(c.bytes(DType::kU8, c.seq_q, c.heads * c.dim)), k(c.bytes(DType::kU8, c.seq_kv, c.kv_heads * c.dim)),
      v(c.bytes(DType::kU8, c.seq_kv, c.kv_heads * c.value_dim));
  for (Bytes* x : {&q, &k, &v}) fill_bits(random, *x);
  tegula::test::GuardedBuffer<float> mask(static_cast<std::size_t>(element_count(c.mask_dims())));
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = one_in(random, 4) ? -10000.0f : 0.0f;

  TensorView inputs[4] = {c.view(q, DType::kU8, c.seq_q, c.heads * c.dim),
                          c.view(k, DType::kU8, c.seq_kv, c.kv_heads * c.dim),
                          c.view(v, DType::kU8, c.seq_kv, c.kv_heads * c.value_dim),
                          {}};
  if (c.mask_kind != 0) inputs[3] = TensorView::contiguous(DType::kF32, c.mask_dims(), static_cast<void*>(mask.data()));
  Bytes before(c.bytes(c.dst, c.seq_q, c.heads * c.value_dim)), want(before.size());
  fill_bits(random, before);
  std::memcpy(want.data(), before.data(), before.size());
  const TensorView plain = c.view(want, c.dst, c.seq_q, c.heads * c.value_dim);
  const Status checked = check(c.desc, inputs, {&plain, 1});
  ASSERT_TRUE(checked.ok()) << checked.error().message;
  ASSERT_TRUE(quantized_attention(c.desc, inputs, {&plain, 1}).ok());

  const auto score_tiles =
      sets({DType::kU8, DType::kS8, DType::kF32}, QuantizedAttentionKernel::score_epilogue(c.desc));
  const auto value_tiles =
      sets({DType::kU8, DType::kS8, c.dst}, QuantizedAttentionKernel::value_epilogue(c.desc, c.dst));
  for (std::size_t i = 0; i < score_tiles.size(); ++i) {
    const QuantizedAttentionKernel kernel = kernel_of(c, score_tiles[i], value_tiles[i]);
    for (const int64_t blocks : {int64_t{1}, c.units(), c.seq_q >= 15 ? 2 * c.units() : c.units()}) {
      Bytes got(before.size());
      std::memcpy(got.data(), before.data(), before.size());
      QuantizedAttentionKernel::Operands operands{
          inputs[0], inputs[1], inputs[2], c.view(got, c.dst, c.seq_q, c.heads * c.value_dim), {}};
      if (c.mask_kind != 0) operands.mask = inputs[3].broadcast_to(Dims{c.batch, c.heads, c.seq_q, c.seq_kv});
      Bytes scratch(kernel.scratch_bytes(operands));
      fill_bits(random, scratch);
      for (int64_t block = blocks - 1; block >= 0; --block) kernel.run(operands, block, blocks, scratch.data());
      ASSERT_EQ(std::memcmp(got.data(), want.data(), want.size()), 0) << score_tiles[i]->desc().name();
      EXPECT_GE(kernel.blocks(operands, 2), 1);
    }
  }
}

}  // namespace tegula::kernels::test
