#include <gtest/gtest.h>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pack.h"
#include "tests/kernels/gemm/quantized_epilogue_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using test::Bytes;
using test::fill_bits;
using test::pick;
using test::QuantizedEpilogueCase;
using test::Random;
using test::same_elements;

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

/// One product in every implementation, cut into several numbers of blocks, against the reference.
void check(Random& random, int64_t m, int64_t n, int64_t k) {
  QuantizedEpilogueCase epilogue(random, m, n, true, true);
  const DType type = epilogue.types().dst;
  const int64_t lda = k + pick(random, 0, 5), ldc = n + pick(random, 0, 5);
  Bytes a(bytes_of(m, k, lda, DType::kU8)), b(static_cast<std::size_t>(k * n)), want(bytes_of(m, n, ldc, type));
  fill_bits(random, a);
  fill_bits(random, b);
  fill_bits(random, want);
  if (pick(random, 0, 3) == 0) std::fill_n(a.data(), a.size(), uint8_t{255});  // saturates vpmaddubsw
  Bytes before(want.size());
  std::copy_n(want.data(), want.size(), before.data());

  const bool transposed = random() % 2 == 0;
  std::vector<int32_t> sums(static_cast<std::size_t>(n), 0);
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < k; ++i)
      sums[static_cast<std::size_t>(j)] +=
          static_cast<int8_t>(b[static_cast<std::size_t>(transposed ? j * k + i : i * n + j)]);
  epilogue.set_weight_sums(sums, k);
  const auto operands = epilogue.operands();
  QuantizedMatMul product = epilogue.product();
  product.transpose_b = transposed;
  product.a = matrix(DType::kU8, a, m, k, lda);
  product.b = transposed ? matrix(DType::kS8, b, n, k, k) : matrix(DType::kS8, b, k, n, n);
  product.dst = matrix(type, want, m, n, ldc);
  product.operands = operands;
  quantized_matmul_reference(product);

  const PackedMatrix layout{Packing::kN16K4, 1, k, n};
  Bytes packed(static_cast<std::size_t>(layout.bytes()));
  pack_matrix(layout, transposed ? MatrixStrides{0, 1, k} : MatrixStrides{0, n, 1}, b.data(), packed.data());
  const GemmShape shape{m, n, k};
  for (const TileSetPtr& tiles : test::tiles_of(epilogue.types(), epilogue.desc())) {
    const GemmKernel gemm(tiles);
    Bytes scratch(gemm.scratch_bytes(shape));
    for (const int64_t blocks : {gemm.blocks(shape, 1), gemm.blocks(shape, 4), pick(random, 1, 12)}) {
      Bytes got(want.size());
      std::copy_n(before.data(), before.size(), got.data());
      fill_bits(random, scratch);
      const GemmArgs args{a.data(), lda, packed.data(), got.data(), ldc, epilogue.args()};
      for (int64_t block = blocks - 1; block >= 0; --block)
        gemm.run(shape, args, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));
      ASSERT_TRUE(same_elements(type, got, want))
          << tiles->desc().name() << " m=" << m << " n=" << n << " k=" << k << " blocks=" << blocks;
    }
  }
}

TEST(QuantizedGemm, RandomSizesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(500) && !testing::Test::HasFatalFailure(); ++i)
    check(random, pick(random, 0, 24), pick(random, 0, 70), pick(random, 0, 90));
}

TEST(QuantizedGemm, EveryTailOfRowsColumnsAndK) {
  Random random(2);
  for (int64_t m = 1; m <= 16 && !testing::Test::HasFatalFailure(); ++m)
    for (const int64_t n : {1, 8, 9, 31, 65}) check(random, m, n, 16 + m % 5);
}

TEST(QuantizedGemm, LongSumsInChunks) {
  Random random(3);
  check(random, 9, 18, 25003);
  check(random, 530, 2, 24590);
}

TEST(QuantizedGemm, ManyRowsAndWideWeights) {
  Random random(4);
  check(random, 600, 17, 9);
  check(random, 15, 800, 561);  // more weights than stay in L2
}

TEST(QuantizedGemm, ChoosesByFeaturesAndRefusesWithReasons) {
  const TileTypes u8s8{DType::kU8, DType::kS8, DType::kU8}, bf16{DType::kBF16, DType::kBF16, DType::kF32};
  const auto chosen = [](const char* isa, const TileTypes& types) {
    return choose_tiles({}, *jit::CpuFeatures::from_name(isa), types)->isa;
  };
  EXPECT_EQ(chosen("avx512_vnni", u8s8), TileIsa::kAvx512Vnni);
  EXPECT_EQ(chosen("avx512", u8s8), TileIsa::kAvx512);
  EXPECT_EQ(chosen("avx2_vnni", u8s8), TileIsa::kAvx2Vnni);
  EXPECT_EQ(chosen("avx2", u8s8), TileIsa::kAvx2);
  EXPECT_EQ(chosen("reference", u8s8), TileIsa::kPlain);
  EXPECT_EQ(choose_tiles({}, {}, u8s8)->declined.size(), 5u);
  EXPECT_EQ(chosen("avx512_bf16", bf16), TileIsa::kAvx512Bf16);
  EXPECT_EQ(chosen("avx512_vnni", bf16), TileIsa::kAvx512);
  EXPECT_TRUE(build_tiles({TileIsa::kAvx2Vnni, {}, u8s8}).ok());  // generated on any CPU

  const auto refusal = [](const TileSetDesc& desc) {
    const auto tiles = build_tiles(desc);
    return tiles.ok() ? std::string("accepted") : tiles.error().message;
  };
  EXPECT_EQ(refusal({TileIsa::kPlain, {}, {DType::kS8, DType::kS8, DType::kU8}}),
            "a product of s8 and s8 to u8: no kernel has these types");
  EpilogueDesc alpha;
  alpha.alpha = true;
  EXPECT_EQ(refusal({TileIsa::kPlain, alpha, u8s8}),
            "product u8s8_u8 with alpha: an integer sum has multipliers rather than alpha");
  EXPECT_NE(refusal({TileIsa::kAvx512Bf16, {}, u8s8}).find("no row"), std::string::npos);
}

}  // namespace
}  // namespace tegula::kernels
