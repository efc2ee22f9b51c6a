// Products of two activations on AMX tiles.
#include "tests/kernels/gemm/amx_test.h"
#include "tests/kernels/gemm/typed_matmul_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels::test {
namespace {

using tegula::test::AmxEmulator;
using tegula::test::rounds;

using AmxMatMulTest = AmxTest;

/// Deep enough for tiles, mostly, with every kind of tail.
MatMulShape random_shape(Random& random) {
  Dims batch;
  for (int64_t d = pick(random, 0, 2); d > 0; --d) batch.push_back(pick(random, 1, 2));
  const int64_t m = pick(random, 1, 70), n = pick(random, 1, 70),
                k = one_in(random, 3) ? 64 * pick(random, 1, 4) : pick(random, 30, 300);
  return MatMulShape(random, batch, m, n, k);
}

TEST_F(AmxMatMulTest, BytesBySignedBytesOfRandomSizes) {
  Random random(1);
  for (int i = 0; i < rounds(50) && !HasFatalFailure(); ++i)
    check_quantized_matmul(random, random_shape(random), amx_tiles_of);
}

TEST_F(AmxMatMulTest, BytesByBytesOfRandomSizes) {
  Random random(2);
  for (int i = 0; i < rounds(50) && !HasFatalFailure(); ++i)
    check_unsigned_matmul(random, random_shape(random), amx_tiles_of);
}

TEST_F(AmxMatMulTest, BytesByBytesWithEveryTail) {
  Random random(3);
  for (int64_t m = 1; m <= 33 && !HasFatalFailure(); ++m)
    check_unsigned_matmul(random, MatMulShape(random, {}, m, 17, 64 + m), amx_tiles_of);
  for (int64_t n = 1; n <= 33 && !HasFatalFailure(); ++n)
    check_unsigned_matmul(random, MatMulShape(random, {}, 17, n, 128), amx_tiles_of);
  for (int64_t k = 57; k <= 130 && !HasFatalFailure(); ++k)
    check_unsigned_matmul(random, MatMulShape(random, {}, 17, 18, k), amx_tiles_of);
}

TEST_F(AmxMatMulTest, BytesByBytesMoreThanIsPackedAtOnce) {
  Random random(4);
  check_unsigned_matmul(random, MatMulShape(random, {2}, 9, 300, 2001), amx_tiles_of);
  check_unsigned_matmul(random, MatMulShape(random, {}, 5, 20, 25003), amx_tiles_of);  // K in chunks
}

TEST_F(AmxMatMulTest, Bf16OfRandomSizesWithinTheBound) {
  Random random(5);
  for (int i = 0; i < rounds(50) && !HasFatalFailure(); ++i)
    check_bf16_matmul(random, random_shape(random), amx_tiles_of);
  check_bf16_matmul(random, MatMulShape(random, {}, 5, 20, 12601), amx_tiles_of);  // K in chunks
}

TEST_F(AmxMatMulTest, TilesMultiplyWhatIsDeepEnough) {
  if (!emulator_.emulates()) GTEST_SKIP() << "instructions are counted by the emulator";
  Random random(6);
  const auto tile_instructions = [&](auto check, int64_t k) {
    const long before = AmxEmulator::instructions();
    check(random, MatMulShape(random, {2}, 40, 33, k), amx_tiles_of);
    return AmxEmulator::instructions() - before;
  };
  EXPECT_GT(tile_instructions(check_unsigned_matmul, 64), 0);
  EXPECT_GT(tile_instructions(check_quantized_matmul, 64), 0);
  EXPECT_GT(tile_instructions(check_bf16_matmul, 32), 0);
  EXPECT_EQ(tile_instructions(check_unsigned_matmul, 28), 0);
}

}  // namespace
}  // namespace tegula::kernels::test
