#include <gtest/gtest.h>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/weight_only_reference.h"
#include "tests/kernels/gemm/typed_post_ops_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using test::Bytes;
using test::fill_bits;
using test::one_in;
using test::pick;
using test::Random;
using test::same_elements;
using Reals = tegula::test::GuardedBuffer<float>;

constexpr uint32_t kNan = 0x7fffffff;

TensorView matrix(DType dtype, Bytes& data, int64_t rows, int64_t columns, int64_t row_stride) {
  TensorView view;
  view.dtype = dtype;
  view.rank = 2;
  view.dims = {rows, columns};
  view.strides = {row_stride, 1};
  view.data = reinterpret_cast<std::byte*>(data.data());
  return view;
}

std::size_t bytes_of(int64_t rows, int64_t columns, int64_t row_stride, DType dtype) {
  return static_cast<std::size_t>(rows == 0 ? 0 : (rows - 1) * row_stride + columns) * size_of(dtype);
}

/// Numbers of many magnitudes, so that every rounding shows; now and then an infinity, a subnormal or a zero with a
/// sign. NaN between the rows.
void fill_source(Random& random, DType dtype, Bytes& a, int64_t columns, int64_t row_stride) {
  const std::size_t bytes = size_of(dtype);
  for (std::size_t i = 0; i * bytes < a.size(); ++i) {
    float value =
        std::ldexp(static_cast<float>(pick(random, -(1 << 22), 1 << 22)), static_cast<int>(pick(random, -28, -18)));
    if (one_in(random, 500)) value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (one_in(random, 200)) value = std::copysign(one_in(random, 2) ? 0.0f : 0x1p-130f, value);
    if (static_cast<int64_t>(i) % row_stride >= columns) value = std::bit_cast<float>(kNan);
    const auto half = static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
    std::memcpy(a.data() + i * bytes, dtype == DType::kF32 ? static_cast<const void*>(&value) : &half, bytes);
  }
}

void check(Random& random, int64_t m, int64_t n, int64_t k) {
  const TileTypes types{one_in(random, 2) ? DType::kF32 : DType::kBF16, DType::kS8,
                        one_in(random, 2) ? DType::kF32 : DType::kBF16};
  const int64_t lda = k + pick(random, 0, 5), ldc = n + pick(random, 0, 5);
  Bytes a(bytes_of(m, k, lda, types.src)), b(static_cast<std::size_t>(k * n)), want(bytes_of(m, n, ldc, types.dst));
  fill_source(random, types.src, a, k, std::max<int64_t>(lda, 1));
  fill_bits(random, b);
  fill_bits(random, want);
  Bytes before(want.size());
  std::copy_n(want.data(), want.size(), before.data());

  EpilogueDesc desc;
  desc.weight_scale = one_in(random, 3) ? WeightScale::kPerTensor : WeightScale::kPerChannel;
  desc.bias = one_in(random, 2);
  test::TypedPostOpsCase post_ops(m, n);
  for (int64_t i = pick(random, 0, 2); i > 0; --i) post_ops.add(random, desc);
  Reals scales(static_cast<std::size_t>(desc.weight_scale == WeightScale::kPerChannel ? n : 1)),
      bias(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<float>(pick(random, 1, 1 << 20)) * 0x1p-26f;
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(pick(random, -1000, 1000)) / 64;

  const bool transposed = one_in(random, 2);
  const auto operands = post_ops.operands();
  weight_only_matmul_reference({.transpose_b = transposed,
                                .a = matrix(types.src, a, m, k, lda),
                                .b = transposed ? matrix(DType::kS8, b, n, k, k) : matrix(DType::kS8, b, k, n, n),
                                .dst = matrix(types.dst, want, m, n, ldc),
                                .scales = scales.data(),
                                .scale_per_channel = desc.weight_scale == WeightScale::kPerChannel,
                                .bias = desc.bias ? bias.data() : nullptr,
                                .post_ops = desc.post_ops,
                                .operands = operands});

  const PackedMatrix layout{Packing::kN16K4, 1, k, n};
  Bytes packed(static_cast<std::size_t>(layout.bytes()));
  pack_matrix(layout, transposed ? MatrixStrides{0, 1, k} : MatrixStrides{0, n, 1}, b.data(), packed.data());
  EpilogueArgs epilogue;
  epilogue.weight_scales = scales.data();
  if (desc.bias) epilogue.bias = bias.data();
  post_ops.place(epilogue);
  const GemmShape shape{m, n, k};
  for (const TileSetPtr& tiles : test::tiles_of(types, desc)) {
    const GemmKernel gemm(tiles);
    Bytes scratch(gemm.scratch_bytes(shape));
    for (const int64_t blocks : {gemm.blocks(shape, 1), gemm.blocks(shape, 4), pick(random, 1, 12)}) {
      Bytes got(want.size());
      std::copy_n(before.data(), before.size(), got.data());
      fill_bits(random, scratch);
      for (int64_t block = blocks - 1; block >= 0; --block)
        gemm.run(shape, {a.data(), lda, packed.data(), got.data(), ldc, epilogue}, block, blocks,
                 reinterpret_cast<std::byte*>(scratch.data()));
      ASSERT_TRUE(same_elements(types.dst, got, want))
          << tiles->desc().name() << " m=" << m << " n=" << n << " k=" << k << " blocks=" << blocks;
    }
  }
}

TEST(WeightOnlyGemm, RandomSizesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(500) && !testing::Test::HasFatalFailure(); ++i)
    check(random, pick(random, 0, one_in(random, 2) ? 3 : 24), pick(random, 0, 70), pick(random, 0, 70));
}

TEST(WeightOnlyGemm, EveryTailOfRowsColumnsAndK) {
  Random random(2);
  for (int64_t m = 1; m <= 16 && !testing::Test::HasFatalFailure(); ++m)
    for (const int64_t n : {1, 8, 9, 31, 65}) check(random, m, n, 16 + m % 5);
}

TEST(WeightOnlyGemm, LongSumsInChunksAndWideWeights) {
  Random random(3);
  check(random, 9, 18, 25003);
  check(random, 1, 70, 24590);
  check(random, 15, 800, 561);  // more weights than stay in L2
}

TEST(WeightOnlyGemm, ChoosesByFeaturesAndRefusesWithReasons) {
  const TileTypes types{DType::kF32, DType::kS8, DType::kF32};
  EpilogueDesc scaled;
  scaled.weight_scale = WeightScale::kPerChannel;
  const auto chosen = [&](const char* isa) {
    return choose_tiles(scaled, *jit::CpuFeatures::from_name(isa), types)->isa;
  };
  EXPECT_EQ(chosen("amx"), TileIsa::kAvx512);
  EXPECT_EQ(chosen("avx512"), TileIsa::kAvx512);
  EXPECT_EQ(chosen("avx2"), TileIsa::kAvx2);
  EXPECT_EQ(chosen("reference"), TileIsa::kPlain);
  const auto refusal = [](const TileSetDesc& desc) {
    const auto tiles = build_tiles(desc);
    return tiles.ok() ? std::string("accepted") : tiles.error().message;
  };
  EXPECT_EQ(refusal({TileIsa::kPlain, {}, types}), "product f32s8_f32 with none: weights of s8 need scales");
  EXPECT_EQ(refusal({TileIsa::kPlain, scaled, {DType::kBF16, DType::kBF16, DType::kF32}}),
            "product bf16_f32 with ws:c: only weights of s8 beside real sources have scales");
  EXPECT_EQ(refusal({TileIsa::kAvx512, scaled, kF32Product}), "epilogue ws:c: only weights of s8 have scales");
  EXPECT_NE(refusal({TileIsa::kAvx512Vnni, scaled, types}).find("no row"), std::string::npos);
  EXPECT_EQ(refusal({TileIsa::kPlain, scaled, {DType::kF32, DType::kS8, DType::kU8}}),
            "a product of f32 and s8 to u8: no kernel has these types");
}

}  // namespace
}  // namespace tegula::kernels
