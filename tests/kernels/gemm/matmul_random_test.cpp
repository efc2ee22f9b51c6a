#include <gtest/gtest.h>

#include "kernels/gemm/matmul.h"
#include "tests/kernels/gemm/epilogue_case.h"

#ifndef TEGULA_RANDOM_CASES
#define TEGULA_RANDOM_CASES 80
#endif

namespace tegula::kernels {
namespace {

using test::EpilogueCase;
using test::fill;
using test::Floats;
using test::pick;
using test::Random;
using test::same_bits;

/// An operand with memory of its own.
struct Operand {
  TensorView view;
  std::unique_ptr<Floats> data;
};

/// Dimensions of random strides: each at least as large as what lies within it; innermost[0] is the innermost
/// dimension.
Operand make_operand(Random& random, const Dims& dims, bool contiguous_last) {
  Operand operand;
  operand.view.rank = static_cast<int>(dims.size());
  std::vector<int> order;
  for (int d = 0; d < operand.view.rank; ++d) order.push_back(d);
  if (!contiguous_last && random() % 2 == 0) std::swap(order[order.size() - 1], order[order.size() - 2]);
  int64_t stride = !contiguous_last && random() % 4 == 0 ? 2 : 1, last = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    const int d = order[i];
    operand.view.dims[static_cast<std::size_t>(d)] = dims[static_cast<std::size_t>(d)];
    operand.view.strides[static_cast<std::size_t>(d)] = stride;
    last += std::max<int64_t>(dims[static_cast<std::size_t>(d)] - 1, 0) * stride;
    stride *= std::max<int64_t>(dims[static_cast<std::size_t>(d)], 1);
    stride += random() % 3 == 0 ? pick(random, 0, 5) : 0;
  }
  operand.data = std::make_unique<Floats>(static_cast<std::size_t>(element_count(dims) == 0 ? 0 : last + 1));
  operand.view.data = reinterpret_cast<std::byte*>(operand.data->data());
  fill(random, *operand.data);
  return operand;
}

/// Some of the batch dimensions, each perhaps 1.
Dims broadcastable(Random& random, const Dims& batch, int64_t rows, int64_t columns) {
  Dims dims(batch.begin() + pick(random, 0, static_cast<int64_t>(batch.size())), batch.end());
  for (int64_t& dim : dims)
    if (random() % 3 == 0) dim = 1;
  dims.push_back(rows);
  dims.push_back(columns);
  return dims;
}

/// Rows of [batch * m, n] as dst has them.
TensorView operand_view(const TensorView& rows, const Dims& dims) {
  TensorView view;
  view.rank = static_cast<int>(dims.size());
  view.data = rows.data;
  int64_t stride = rows.strides[0];
  for (int d = view.rank - 2; d >= 0; --d) {
    const auto i = static_cast<std::size_t>(d);
    view.dims[i] = stride == 0 ? 1 : dims[i];
    view.strides[i] = stride;
    stride *= dims[i];
  }
  view.dims[dims.size() - 1] = rows.dims[1];
  view.strides[dims.size() - 1] = 1;
  return view;
}

void check(Random& random, const Dims& batch, int64_t m, int64_t n, int64_t k) {
  const bool transpose_a = random() % 2 == 0, transpose_b = random() % 2 == 0;
  Operand a = make_operand(random, broadcastable(random, batch, transpose_a ? k : m, transpose_a ? m : k), false);
  Operand b = make_operand(random, broadcastable(random, batch, transpose_b ? n : k, transpose_b ? k : n), false);
  Dims dims = batch;
  dims.push_back(m);
  dims.push_back(n);
  Operand want = make_operand(random, dims, true);
  const EpilogueCase epilogue(random, element_count(batch) * m, n);
  std::vector<TensorView> operands;
  for (const TensorView& rows : epilogue.operands()) operands.push_back(operand_view(rows, dims));
  Floats before(want.data->size());
  std::copy_n(want.data->data(), before.size(), before.data());
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
      ASSERT_TRUE(same_bits({got.data(), got.size()}, {want.data->data(), want.data->size()}))
          << (*tiles)->desc().name() << " batch=" << tegula::to_string(batch) << " m=" << m << " n=" << n << " k=" << k
          << " transposes=" << transpose_a << transpose_b << " blocks=" << blocks;
    }
  }
}

TEST(MatMul, RandomBatchesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < TEGULA_RANDOM_CASES && !testing::Test::HasFatalFailure(); ++i) {
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
