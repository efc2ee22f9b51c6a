#include <gtest/gtest.h>

#include "kernels/gemm/matmul.h"
#include "tests/kernels/gemm/epilogue_case.h"
#include "tests/kernels/gemm/matmul_operands.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using test::broadcastable_dims;
using test::EpilogueCase;
using test::fill;
using test::Floats;
using test::MatMulOperand;
using test::pick;
using test::Random;
using test::rows_in_batches;
using test::same_bits;

/// An operand of fp32 numbers.
MatMulOperand make_operand(Random& random, const Dims& dims, bool contiguous_last) {
  MatMulOperand operand = test::make_matmul_operand(random, DType::kF32, dims, contiguous_last);
  Floats values(operand.data->size() / sizeof(float));
  fill(random, values);
  std::memcpy(operand.data->data(), values.data(), operand.data->size());
  return operand;
}

void check(Random& random, const Dims& batch, int64_t m, int64_t n, int64_t k) {
  const bool transpose_a = random() % 2 == 0, transpose_b = random() % 2 == 0;
  const MatMulOperand a =
      make_operand(random, broadcastable_dims(random, batch, transpose_a ? k : m, transpose_a ? m : k), false);
  const MatMulOperand b =
      make_operand(random, broadcastable_dims(random, batch, transpose_b ? n : k, transpose_b ? k : n), false);
  Dims dims = batch;
  dims.push_back(m);
  dims.push_back(n);
  const MatMulOperand want = make_operand(random, dims, true);
  const EpilogueCase epilogue(random, element_count(batch) * m, n);
  std::vector<TensorView> operands;
  for (const TensorView& rows : epilogue.operands()) operands.push_back(rows_in_batches(rows, dims));
  Floats before(want.data->size() / sizeof(float));
  std::memcpy(before.data(), want.data->data(), want.data->size());
  const MatMulDesc desc{transpose_a, transpose_b, epilogue.desc()};
  matmul_reference(desc, epilogue.alpha(), a.view, b.view, epilogue.bias(), operands, want.view);

  for (const TileIsa isa : test::runnable_isas()) {
    const auto tiles = build_tiles({isa, epilogue.desc()});
    ASSERT_TRUE(tiles.ok()) << tiles.error().message;
    const MatMulKernel matmul(*tiles, desc, a.view, b.view, want.view, operands);
    Floats scratch(matmul.scratch_bytes() / sizeof(float));
    for (const int64_t blocks : {matmul.blocks(1), matmul.blocks(4), pick(random, 1, 12)}) {
      Floats got(before.size());
      std::copy_n(before.data(), before.size(), got.data());
      fill(random, scratch);
      const MatMulArgs args{a.data->data(), b.data->data(), got.data(), epilogue.args()};
      for (int64_t block = blocks - 1; block >= 0; --block)
        matmul.run(args, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));
      ASSERT_TRUE(same_bits({got.data(), got.size()}, {want.view.as<float>(), before.size()}))
          << (*tiles)->desc().name() << " batch=" << tegula::to_string(batch) << " m=" << m << " n=" << n << " k=" << k
          << " transposes=" << transpose_a << transpose_b << " blocks=" << blocks;
    }
  }
}

TEST(MatMul, RandomBatchesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(80) && !testing::Test::HasFatalFailure(); ++i) {
    Dims batch;
    for (int64_t d = pick(random, 0, 3); d > 0; --d) batch.push_back(pick(random, random() % 8 == 0 ? 0 : 1, 3));
    check(random, batch, pick(random, 0, 20), pick(random, 0, 50), pick(random, 0, 40));
  }
}

TEST(MatMul, MoreColumnsThanArePackedAtOnce) {
  Random random(2);
  check(random, {2}, 9, 300, 1000);
  check(random, {}, 40, 33, 4100);  // rows of a transposed A in several parts
  check(random, {}, 5, 20, 6300);   // K in chunks
  check(random, {}, 5, 20, 6301);
}

TEST(MatMul, OneRowPerBatch) {
  Random random(3);
  for (int i = 0; i < 10; ++i) check(random, {3, 5}, 1, 17, 9);
}

}  // namespace
}  // namespace tegula::kernels
