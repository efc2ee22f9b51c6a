#include <gtest/gtest.h>

#include <cmath>

#include "kernels/gemm/pack.h"
#include "tests/kernels/gemm/epilogue_case.h"
#include "tests/support/register_check.h"

namespace tegula::kernels {
namespace {

using test::fill;
using test::Floats;
using test::Random;
using test::same_bits;

std::vector<TileSetPtr> all_tiles(const EpilogueDesc& epilogue) {
  std::vector<TileSetPtr> sets;
  for (const TileIsa isa : test::runnable_isas()) {
    auto tiles = build_tiles({isa, epilogue});
    EXPECT_TRUE(tiles.ok()) << tiles.error().message;
    if (tiles.ok()) sets.push_back(*tiles);
  }
  return sets;
}

/// Several taps, and the sum cut in two calls with the partial sums in between.
void check_tile(const TileSet& tiles, int rows, int panels) {
  Random random(static_cast<unsigned>(rows * 10 + panels));
  constexpr int64_t kTaps = 3, kK = 6;
  const int64_t lda = 11, columns = panels * kPanelColumns - 3;
  Floats a(static_cast<std::size_t>((rows - 1) * lda + 2 * 4 + kK)), bias(static_cast<std::size_t>(columns));
  Floats b(static_cast<std::size_t>(panels * kTaps * kK * kPanelColumns));
  Floats c(static_cast<std::size_t>((rows - 1) * (columns + 2) + columns)), want(c.size());
  Floats partial(static_cast<std::size_t>(rows * panels * kPanelColumns));
  for (Floats* buffer : {&a, &bias, &b, &c}) fill(random, *buffer);
  std::copy_n(c.data(), c.size(), want.data());
  const int64_t offsets[kTaps] = {8 * 4, 0, 3 * 4};
  for (int row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      float sum = 0;
      for (int64_t tap = 0; tap < kTaps; ++tap)
        for (int64_t k = 0; k < kK; ++k)
          sum = std::fma(a[static_cast<std::size_t>(row * lda + offsets[tap] / 4 + k)],
                         b[static_cast<std::size_t>(((column / 16 * kTaps + tap) * kK + k) * 16 + column % 16)], sum);
      want[static_cast<std::size_t>(row * (columns + 2) + column)] = sum + bias[static_cast<std::size_t>(column)];
    }
  }

  TileArgs args;
  args.lda_bytes = lda * 4;
  args.a = a.data();
  args.panel_bytes = kTaps * kK * kPanelRowBytes;
  args.c = c.data();
  args.ldc_bytes = (columns + 2) * 4;
  args.partial = partial.data();
  args.bias = bias.data();
  args.last_columns = 13;
  args.k = kK;
  args.tap_offsets = offsets;
  args.taps = 1;
  args.b = b.data();
  args.last_chunk = 0;
  tiles.run(rows, panels, args);
  args.tap_offsets = offsets + 1;
  args.taps = 2;
  args.b = b.data() + kK * kPanelColumns;
  args.first_chunk = 0;
  args.last_chunk = 1;
  const TileSet::Entry& entry = tiles.entry(rows, panels);
  if (tiles.desc().isa == TileIsa::kPlain) {
    tiles.run(rows, panels, args);
  } else {
    EXPECT_TRUE(tegula::test::preserves_registers(reinterpret_cast<tegula::test::TwoPointerFunction>(entry.function),
                                                  &args, entry.context))
        << tiles.desc().name() << ' ' << rows << 'x' << panels;
  }
  EXPECT_TRUE(same_bits({c.data(), c.size()}, {want.data(), want.size()}))
      << tiles.desc().name() << ' ' << rows << 'x' << panels;
}

TEST(Tile, EveryShapeSumsTapsAndChunks) {
  EpilogueDesc epilogue;
  epilogue.bias = true;
  for (const TileSetPtr& tiles : all_tiles(epilogue))
    for (const int panels : {1, 2, 4})
      for (int rows = 1; rows <= tiles->heights().of(panels); ++rows) check_tile(*tiles, rows, panels);
}

TEST(Tile, ChoosesTheWidestIsaAndSaysWhyNot) {
  EpilogueDesc epilogue;
  jit::CpuFeatures cpu;
  cpu.avx2 = cpu.avx512 = true;
  auto choice = choose_tiles(epilogue, cpu);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->isa, TileIsa::kAvx512);
  EXPECT_TRUE(choice->declined.empty());
  cpu.avx512 = false;
  EXPECT_EQ(choose_tiles(epilogue, cpu)->isa, TileIsa::kAvx2);
  cpu.avx2 = false;
  choice = choose_tiles(epilogue, cpu);
  EXPECT_EQ(choice->isa, TileIsa::kPlain);
  EXPECT_EQ(choice->declined.size(), 2u);
}

TEST(Tile, RefusesEpiloguesThatItCannotCompute) {
  EpilogueDesc epilogue;
  PostOpDesc add;
  add.function = Function::k_add;
  epilogue.post_ops = {add};
  EXPECT_EQ(build_tiles({TileIsa::kPlain, epilogue}).error().code, ErrorCode::kUnsupported);  // no operand
  epilogue.post_ops[0].operand = OperandKind::kTensor;
  epilogue.post_ops[0].operand_dtype = DType::kU8;
  EXPECT_EQ(build_tiles({TileIsa::kPlain, epilogue}).error().code, ErrorCode::kUnsupported);
  epilogue.post_ops[0].operand_dtype = DType::kF32;
  EXPECT_TRUE(build_tiles({TileIsa::kPlain, epilogue}).ok());
  epilogue.post_ops.assign(kMaxEpilogueOperands + 1, epilogue.post_ops[0]);
  EXPECT_EQ(choose_tiles(epilogue, {}).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace tegula::kernels
