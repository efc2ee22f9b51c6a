// Products of two activations, u8 by s8, u8 by u8 and bf16, in batches of any strides.
#include <gtest/gtest.h>

#include "tests/kernels/gemm/typed_matmul_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels::test {
namespace {

MatMulShape random_shape(Random& random) {
  Dims batch;
  for (int64_t d = pick(random, 0, 3); d > 0; --d) batch.push_back(pick(random, one_in(random, 8) ? 0 : 1, 3));
  const int64_t m = pick(random, 0, 16), n = pick(random, 0, 40), k = pick(random, 0, 50);
  return MatMulShape(random, batch, m, n, k);
}

TEST(QuantizedMatMul, RandomBatchesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(500) && !HasFatalFailure(); ++i)
    check_quantized_matmul(random, random_shape(random), tiles_of);
}

TEST(QuantizedMatMul, MoreThanIsPackedAtOnce) {
  Random random(2);
  check_quantized_matmul(random, MatMulShape(random, {2}, 9, 300, 2001), tiles_of);
  check_quantized_matmul(random, MatMulShape(random, {}, 40, 33, 9001),
                         tiles_of);  // rows of a transposed A in several parts
  check_quantized_matmul(random, MatMulShape(random, {}, 5, 20, 25003), tiles_of);  // K in chunks
}

TEST(UnsignedMatMul, RandomBatchesStridesAndEpilogues) {
  Random random(5);
  for (int i = 0; i < tegula::test::rounds(500) && !HasFatalFailure(); ++i)
    check_unsigned_matmul(random, random_shape(random), tiles_of);
}

TEST(UnsignedMatMul, MoreThanIsPackedAtOnce) {
  Random random(6);
  check_unsigned_matmul(random, MatMulShape(random, {2}, 9, 300, 2001), tiles_of);
  check_unsigned_matmul(random, MatMulShape(random, {}, 5, 20, 25003), tiles_of);  // K in chunks
}

TEST(Bf16MatMul, RandomBatchesAndStrides) {
  Random random(3);
  for (int i = 0; i < tegula::test::rounds(500) && !HasFatalFailure(); ++i)
    check_bf16_matmul(random, random_shape(random), tiles_of);
}

TEST(Bf16MatMul, MoreThanIsPackedAtOnce) {
  Random random(4);
  check_bf16_matmul(random, MatMulShape(random, {2}, 9, 300, 1001), tiles_of);
  check_bf16_matmul(random, MatMulShape(random, {}, 5, 20, 12601), tiles_of);  // K in chunks
}

}  // namespace
}  // namespace tegula::kernels::test
