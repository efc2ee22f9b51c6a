#include <gtest/gtest.h>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/reference.h"
#include "tests/kernels/gemm/epilogue_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using test::EpilogueCase;
using test::fill;
using test::Floats;
using test::pick;
using test::Random;
using test::same_bits;

TensorView matrix(Floats& data, int64_t rows, int64_t columns, int64_t row_stride) {
  TensorView view;
  view.rank = 2;
  view.dims = {rows, columns};
  view.strides = {row_stride, 1};
  view.data = reinterpret_cast<std::byte*>(data.data());
  return view;
}

std::size_t elements(int64_t rows, int64_t columns, int64_t row_stride) {
  return static_cast<std::size_t>(rows == 0 ? 0 : (rows - 1) * row_stride + columns);
}

/// One product in every implementation, cut into several numbers of blocks, against the reference.
void check(Random& random, int64_t m, int64_t n, int64_t k) {
  const int64_t lda = k + pick(random, 0, 5), ldc = n + pick(random, 0, 5);
  Floats a(elements(m, k, lda)), b(static_cast<std::size_t>(k * n)), want(elements(m, n, ldc));
  fill(random, a);
  fill(random, b);
  const bool transposed = random() % 2 == 0;
  TensorView weights = matrix(b, k, n, n);
  if (transposed) weights = matrix(b, n, k, k);
  const EpilogueCase epilogue(random, m, n);
  fill(random, want);
  Floats before(want.size());
  std::copy_n(want.data(), want.size(), before.data());
  matmul_reference({false, transposed, epilogue.desc()}, epilogue.alpha(), matrix(a, m, k, lda), weights,
                   epilogue.bias(), epilogue.operands(), matrix(want, m, n, ldc));

  const PackedMatrix layout{Packing::kN16K1, 1, k, n};
  Floats packed(static_cast<std::size_t>(layout.bytes()) / sizeof(float));
  pack_matrix(layout, transposed ? MatrixStrides{0, 1, k} : MatrixStrides{0, n, 1}, b.data(), packed.data());

  const GemmShape shape{m, n, k};
  for (const TileIsa isa : test::runnable_isas()) {
    const auto tiles = build_tiles({isa, epilogue.desc()});
    ASSERT_TRUE(tiles.ok()) << tiles.error().message;
    const GemmKernel gemm(*tiles);
    Floats scratch(gemm.scratch_bytes(shape) / sizeof(float));
    for (const int64_t blocks : {gemm.blocks(shape, 1), gemm.blocks(shape, 4), pick(random, 1, 12)}) {
      Floats got(want.size());
      std::copy_n(before.data(), before.size(), got.data());
      fill(random, scratch);
      const GemmArgs args{a.data(), lda, packed.data(), got.data(), ldc, epilogue.args()};
      for (int64_t block = blocks - 1; block >= 0; --block)
        gemm.run(shape, args, block, blocks, reinterpret_cast<std::byte*>(scratch.data()));
      ASSERT_TRUE(same_bits({got.data(), got.size()}, {want.data(), want.size()}))
          << (*tiles)->desc().name() << " m=" << m << " n=" << n << " k=" << k << " blocks=" << blocks;
    }
  }
}

TEST(Gemm, RandomSizesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(80) && !testing::Test::HasFatalFailure(); ++i)
    check(random, pick(random, 0, 24), pick(random, 0, 70), pick(random, 0, 40));
}

TEST(Gemm, EveryTailOfRowsAndColumns) {
  Random random(2);
  for (int64_t m = 1; m <= 16; ++m)
    for (const int64_t n : {1, 8, 9, 16, 17, 31, 33, 64, 65}) check(random, m, n, 5);
}

TEST(Gemm, LongSumsInChunks) {
  Random random(3);
  check(random, 9, 33, 6500);
  check(random, 1, 70, 12301);
}

TEST(Gemm, ManyRowsAndWideWeights) {
  Random random(4);
  check(random, 600, 17, 9);
  check(random, 15, 800, 140);  // more weights than stay in L2
}

}  // namespace
}  // namespace tegula::kernels
