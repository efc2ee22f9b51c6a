#include "kernels/gemm/amx_tiles.h"

#include <gtest/gtest.h>
#include <immintrin.h>

#include <cmath>
#include <limits>
#include <optional>
#include <thread>

#include "kernels/conv/conv.h"
#include "kernels/float16.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pack.h"
#include "tests/kernels/gemm/amx_test.h"
#include "tests/kernels/gemm/quantized_epilogue_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using tegula::test::AmxEmulator;
using test::Bytes;
using test::fill_bits;
using test::one_in;
using test::pick;
using test::QuantizedEpilogueCase;
using test::Random;
using test::same_elements;

using AmxTilesTest = test::AmxTest;

TileSetPtr tiles_of(TileIsa isa, const EpilogueDesc& epilogue, const TileTypes& types) {
  auto tiles = build_tiles({isa, epilogue, types});
  EXPECT_TRUE(tiles.ok()) << tiles.error().message;
  return *tiles;
}

std::size_t bytes_of(int64_t rows, int64_t columns, int64_t row_stride, DType dtype) {
  return static_cast<std::size_t>(rows == 0 ? 0 : (rows - 1) * row_stride + columns) * size_of(dtype);
}

/// Of packed weights in the types of `types`: any bits for s8.
void check_integer_gemm(Random& random, int64_t m, int64_t n, int64_t k, int64_t lda = 0) {
  QuantizedEpilogueCase epilogue(random, m, n, true, true);
  epilogue.set_weight_sums(std::vector<int32_t>(static_cast<std::size_t>(n), 77), k);
  const TileTypes& types = epilogue.types();
  if (lda == 0) lda = k + pick(random, 0, 70);
  const int64_t ldc = n + pick(random, 0, 5);
  Bytes a(bytes_of(m, k, lda, DType::kU8)), b(static_cast<std::size_t>(k * n));
  fill_bits(random, a);
  fill_bits(random, b);
  const PackedMatrix layout{Packing::kN16K4, 1, k, n};
  Bytes packed(static_cast<std::size_t>(layout.bytes()));
  pack_matrix(layout, {0, n, 1}, b.data(), packed.data());

  const GemmShape shape{m, n, k};
  Bytes before(bytes_of(m, n, ldc, types.dst)), want(before.size()), got(before.size());
  fill_bits(random, before);
  const auto run = [&](TileIsa isa, Bytes& c, int64_t blocks) {
    const GemmKernel gemm(tiles_of(isa, epilogue.desc(), types));
    Bytes scratch(gemm.scratch_bytes(shape));
    std::copy_n(before.data(), before.size(), c.data());
    const GemmArgs args{a.data(), lda, packed.data(), c.data(), ldc, epilogue.args()};
    for (int64_t block = blocks - 1; block >= 0; --block)
      gemm.run(shape, args, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));
  };
  run(TileIsa::kPlain, want, 1);
  run(TileIsa::kAmxInt8, got, pick(random, 1, 4));
  EXPECT_FALSE(AmxEmulator::tiles_in_use());
  ASSERT_TRUE(same_elements(types.dst, got, want))
      << types.name() << " " << epilogue.desc().name() << " m=" << m << " n=" << n << " k=" << k;
}

/// A is followed by NaNs where its rows end.
void check_bf16_gemm(Random& random, int64_t m, int64_t n, int64_t k, int64_t lda = 0) {
  const TileTypes types{DType::kBF16, DType::kBF16, DType::kF32};
  if (lda == 0) lda = k + pick(random, 0, 40);
  Bytes a(bytes_of(m, k, lda, DType::kBF16)), b(static_cast<std::size_t>(k * n) * 2);
  std::normal_distribution<float> normal;
  auto* const a_values = reinterpret_cast<uint16_t*>(a.data());
  auto* const b_values = reinterpret_cast<uint16_t*>(b.data());
  std::fill_n(a_values, a.size() / 2, bf16_from_f32(std::numeric_limits<float>::quiet_NaN()));
  for (int64_t row = 0; row < m; ++row)
    for (int64_t i = 0; i < k; ++i) a_values[row * lda + i] = bf16_from_f32(normal(random));
  for (int64_t i = 0; i < k * n; ++i) b_values[i] = bf16_from_f32(normal(random));
  const PackedMatrix layout{Packing::kN16K2, 1, k, n};
  Bytes packed(static_cast<std::size_t>(layout.bytes()));
  pack_matrix(layout, {0, n, 1}, b.data(), packed.data());

  const GemmShape shape{m, n, k};
  const auto run = [&](int64_t blocks) {
    const GemmKernel gemm(tiles_of(TileIsa::kAmxBf16, {}, types));
    Bytes scratch(gemm.scratch_bytes(shape));
    std::vector<float> c(static_cast<std::size_t>(m * n));
    const GemmArgs args{a.data(), lda, packed.data(), c.data(), n, {}};
    for (int64_t block = 0; block < blocks; ++block)
      gemm.run(shape, args, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));
    return c;
  };
  const std::vector<float> c = run(1);
  EXPECT_EQ(run(5), c) << "m=" << m << " n=" << n << " k=" << k << ": blocks change bits";
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t p = 0; p < k; ++p) {
        const double product = double{f32_from_bf16(a_values[i * lda + p])} * f32_from_bf16(b_values[p * n + j]);
        sum += product;
        magnitude += std::abs(product);
      }
      // Every product passes through at most k + 2 additions, each rounded once to 24 bits.
      const double bound = static_cast<double>(k + 2) * std::ldexp(1.0, -24) * 1.01 * magnitude;
      ASSERT_NEAR(c[static_cast<std::size_t>(i * n + j)], sum, bound) << "m=" << m << " n=" << n << " k=" << k;
    }
  }
}

TEST_F(AmxTilesTest, IntegerProductsOfRandomSizes) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(50) && !HasFatalFailure(); ++i)
    check_integer_gemm(random, pick(random, 0, 75), pick(random, 0, 70),
                       one_in(random, 3) ? pick(random, 0, 4) * 64 : pick(random, 40, 300));
}

TEST_F(AmxTilesTest, EveryTailOfRowsAndK) {
  Random random(2);
  for (int64_t m = 1; m <= 33 && !HasFatalFailure(); ++m) check_integer_gemm(random, m, 33, 64 + m);
  for (int64_t k = 57; k <= 130 && !HasFatalFailure(); ++k) check_integer_gemm(random, 17, 16, k);
}

TEST_F(AmxTilesTest, LongSumsInChunks) {
  Random random(3);
  check_integer_gemm(random, 35, 34, 24600);
  check_integer_gemm(random, 5, 16, 24577);
}

/// Rows 1 KiB apart, which are copied: one pass and several, tiles that overlap.
TEST_F(AmxTilesTest, RowsAtAPoorDistance) {
  Random random(9);
  for (const int64_t m : {64, 77, 130, 530}) check_integer_gemm(random, m, 512, 768, 1024);
  check_integer_gemm(random, 70, 530, 1024, 1024);
  check_bf16_gemm(random, 65, 513, 512, 512);
}

TEST_F(AmxTilesTest, MoreWeightsThanStayInTheCache) {
  Random random(4);
  check_integer_gemm(random, 40, 800, 530);
}

TEST_F(AmxTilesTest, TilesAreUsedWhereTheyPay) {
  if (!emulator_.emulates()) GTEST_SKIP() << "instructions are counted by the emulator";
  Random random(5);
  const auto tile_instructions = [&](int64_t m, int64_t k) {
    const long before = AmxEmulator::instructions();
    check_integer_gemm(random, m, 16, k);
    return AmxEmulator::instructions() - before - 1;  // STTILECFG of the check
  };
  EXPECT_GT(tile_instructions(16, 32), 0);
  EXPECT_EQ(tile_instructions(16, 28), 0);
  EXPECT_EQ(tile_instructions(2, 256), 0);
}

TEST_F(AmxTilesTest, ThreadsShareOneSetOfTiles) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i)
    threads.emplace_back([i] {
      Random random(100 + i);
      for (int turn = 0; turn < 5; ++turn) check_integer_gemm(random, 40, 40, 200);
    });
  for (std::thread& thread : threads) thread.join();
}

/// Any convolution but for its epilogue, in tiles and in plain loops.
void check_integer_conv(Random& random, ConvShape shape) {
  for (std::size_t d = 0; d < 3; ++d)
    shape.out[d] =
        (shape.in[d] + 2 * shape.pads_begin[d] - (shape.kernel[d] - 1) * shape.dilations[d] - 1) / shape.strides[d] + 1;
  shape.src_pixel_stride = shape.ic + pick(random, 0, 3);
  shape.dst_pixel_stride = shape.oc + pick(random, 0, 3);
  const int64_t pixels = shape.out_pixels(), in_pixels = shape.batch * shape.in[0] * shape.in[1] * shape.in[2];
  QuantizedEpilogueCase epilogue(random, pixels, shape.oc, false, false);
  epilogue.set_weight_sums(std::vector<int32_t>(static_cast<std::size_t>(shape.oc), 5), 9);
  Bytes src(bytes_of(in_pixels, shape.ic, shape.src_pixel_stride, DType::kU8));
  fill_bits(random, src);
  const PackedConv layout = packed_weights(shape, Packing::kN16K4);
  const auto weight_count = shape.oc * shape.ic / shape.groups * shape.kernel[0] * shape.kernel[1] * shape.kernel[2];
  Bytes weights(static_cast<std::size_t>(weight_count)), packed(static_cast<std::size_t>(layout.bytes()));
  fill_bits(random, weights);
  pack_conv(layout, weights.data(), packed.data());
  const DType dst = epilogue.types().dst;
  Bytes want(bytes_of(pixels, shape.oc, shape.dst_pixel_stride, dst)), got(want.size());
  fill_bits(random, want);
  std::copy_n(want.data(), want.size(), got.data());
  const auto run = [&](TileIsa isa, Bytes& c, int64_t blocks) {
    const ConvKernel conv(tiles_of(isa, epilogue.desc(), epilogue.types()), shape);
    Bytes scratch(conv.scratch_bytes());
    const ConvArgs args{src.data(), packed.data(), c.data(), epilogue.args(), 131};
    for (int64_t block = 0; block < blocks; ++block)
      conv.run(args, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));
  };
  run(TileIsa::kPlain, want, 1);
  run(TileIsa::kAmxInt8, got, pick(random, 1, 3));
  EXPECT_FALSE(AmxEmulator::tiles_in_use());
  ASSERT_TRUE(same_elements(dst, got, want)) << epilogue.desc().name() << " ic=" << shape.ic << " oc=" << shape.oc;
}

TEST_F(AmxTilesTest, Convolutions) {
  Random random(6);
  check_integer_conv(random,
                     {.batch = 1, .ic = 64, .oc = 40, .in = {1, 9, 37}, .kernel = {1, 3, 3}, .pads_begin = {0, 1, 1}});
  check_integer_conv(random, {.batch = 2,
                              .ic = 20,
                              .oc = 33,
                              .in = {1, 8, 21},
                              .kernel = {1, 3, 3},
                              .strides = {1, 2, 2},
                              .pads_begin = {0, 1, 1}});
  check_integer_conv(random, {.batch = 1, .ic = 70, .oc = 16, .in = {1, 7, 40}, .strides = {1, 2, 2}});
  check_integer_conv(random, {.batch = 1,
                              .ic = 3,
                              .oc = 64,
                              .in = {1, 20, 40},
                              .kernel = {1, 7, 7},
                              .strides = {1, 2, 2},
                              .pads_begin = {0, 3, 3}});
  check_integer_conv(random, {.batch = 1, .ic = 36, .oc = 20, .in = {1, 6, 40}, .kernel = {1, 3, 3}});
  check_integer_conv(random, {.batch = 3, .ic = 130, .oc = 48, .in = {1, 7, 7}});
  check_integer_conv(random, {.batch = 1,
                              .ic = 32,
                              .oc = 20,
                              .in = {1, 9, 40},
                              .kernel = {1, 3, 3},
                              .dilations = {1, 2, 2},
                              .pads_begin = {0, 2, 2}});
}

TEST_F(AmxTilesTest, Bf16ProductsAreWithinTheBound) {
  Random random(7);
  for (int i = 0; i < tegula::test::rounds(25) && !HasFatalFailure(); ++i)
    check_bf16_gemm(random, pick(random, 0, 70), pick(random, 0, 50), pick(random, 1, 200));
  for (int64_t k = 30; k <= 70 && !HasFatalFailure(); ++k) check_bf16_gemm(random, 3, 17, k);
}

TEST_F(AmxTilesTest, MxcsrPlaysNoPartAndStays) {
  const unsigned saved = _mm_getcsr();
  Random random(8);
  check_integer_gemm(random, 40, 20, 100);
  check_bf16_gemm(random, 20, 20, 100);
  EXPECT_EQ(_mm_getcsr() & ~0x3FU, saved & ~0x3FU);
}

// ---- the choice

TEST(AmxChoice, RefusalsHaveReasons) {
  const TileTypes int8{DType::kU8, DType::kS8, DType::kU8}, bf16{DType::kBF16, DType::kBF16, DType::kBF16};
  const jit::CpuFeatures amx = jit::CpuFeatures::from_name("amx").value();
  const int64_t offsets[9] = {};
  const auto choice = [&](const TileTypes& types, int64_t taps, int64_t k, const jit::CpuFeatures& cpu) {
    const PackedMatrix packed{types.packing(), taps, k, 16};
    const TileDepth depth(types, offsets, taps, k, packed.rows_per_tap());
    return choose_tiles({}, cpu, types, &depth).value();
  };
  EXPECT_EQ(choice(int8, 1, 32, amx).isa, TileIsa::kAmxInt8);
  EXPECT_TRUE(choice(int8, 1, 32, amx).declined.empty());
  EXPECT_EQ(choice(bf16, 1, 8, amx).isa, TileIsa::kAmxBf16);

  const TileChoice shallow = choice(int8, 1, 12, amx);
  EXPECT_EQ(shallow.isa, TileIsa::kAvx512Vnni);
  ASSERT_EQ(shallow.declined.size(), 1U);
  EXPECT_EQ(shallow.declined[0], "amx_int8 declined: K=12 < 32");
  EXPECT_EQ(choice(bf16, 1, 6, amx).declined.at(0), "amx_bf16 declined: K=6 < 8");
  EXPECT_EQ(choice(bf16, 9, 2, amx).declined.at(0), "amx_bf16 declined: K=2 of a tap < 4");
  EXPECT_EQ(choice(int8, 9, 8, amx).declined.at(0), "amx_int8 declined: K=8 of a tap < 16");

  const TileChoice without = choice(int8, 1, 64, jit::CpuFeatures::from_name("avx512_bf16").value());
  EXPECT_EQ(without.isa, TileIsa::kAvx512Vnni);
  EXPECT_EQ(without.declined.at(0).rfind("amx_int8 declined: not among the features", 0), 0U);
}

}  // namespace
}  // namespace tegula::kernels
