#pragma once
#include <string>
#include <utility>

#include "tests/kernels/gemm/matmul_operands.h"
#include "tests/kernels/gemm/typed_tiles.h"

namespace tegula::kernels::test {

/// A product of random shape: batches, transposes and strides.
struct MatMulShape {
  Dims batch;
  int64_t m, n, k;
  bool transpose_a, transpose_b;

  MatMulShape(Random& random, Dims batch_dims, int64_t rows, int64_t columns, int64_t depth)
      : batch(std::move(batch_dims)),
        m(rows),
        n(columns),
        k(depth),
        transpose_a(one_in(random, 2)),
        transpose_b(one_in(random, 2)) {}
  Dims dims() const {
    Dims all = batch;
    all.push_back(m);
    all.push_back(n);
    return all;
  }
  int64_t rows() const { return element_count(batch) * m; }
  MatMulOperand a(Random& random, DType dtype) const {
    return make_matmul_operand(random, dtype,
                               broadcastable_dims(random, batch, transpose_a ? k : m, transpose_a ? m : k), false);
  }
  MatMulOperand b(Random& random, DType dtype, const Dims& batches) const {
    return make_matmul_operand(random, dtype,
                               broadcastable_dims(random, batches, transpose_b ? n : k, transpose_b ? k : n), false);
  }
  std::string text() const {
    return concat("batch=", tegula::to_string(batch), " m=", m, " n=", n, " k=", k, " transposes=", transpose_a,
                  transpose_b);
  }
};

// Products of two activations with random strides and epilogues, in every implementation and several numbers of blocks,
// against plain loops. Failures are fatal.

/// u8 by s8, bit for bit.
void check_quantized_matmul(Random& random, const MatMulShape& shape, TileSets sets);
/// u8 by u8, bit for bit: sums over columns of B and what its zero point adds are made at run time, for each matrix.
void check_unsigned_matmul(Random& random, const MatMulShape& shape, TileSets sets);
/// bf16 by bf16: implementations that widen have the bits of the fp32 product; instructions for bf16 are within 2^-24
/// per operation of the sum of magnitudes, and then one rounding of 2^-8 to a dst of bf16.
void check_bf16_matmul(Random& random, const MatMulShape& shape, TileSets sets);

}  // namespace tegula::kernels::test
