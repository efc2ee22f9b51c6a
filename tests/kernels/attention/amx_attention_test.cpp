// Integer attention on AMX tiles.
#include "tests/kernels/attention/quantized_attention_case.h"
#include "tests/kernels/gemm/amx_test.h"
#include "tests/support/rounds.h"

namespace tegula::kernels::test {
namespace {

using tegula::test::AmxEmulator;
using tegula::test::rounds;

using AmxAttentionTest = AmxTest;

TEST_F(AmxAttentionTest, EqualsPlainLoopsBitForBitForEverySplit) {
  const QuantizedAttentionSizes sizes{
      {1, 3, 16, 31, 33, 70}, {1, 17, 61, 64, 67, 130}, {20, 61, 64, 80}, {4, 16, 20, 64}};
  Random random(1);
  for (int i = 0; i < rounds(50) && !HasFatalFailure(); ++i)
    check_quantized_attention(random, sizes, amx_tiles_of);
}

TEST_F(AmxAttentionTest, ManyBlocksOfRows) {
  // More scores than are in scratch at a time: 3000 for each of 70 rows.
  const QuantizedAttentionSizes sizes{{70}, {3000}, {64}, {33}};
  Random random(2);
  check_quantized_attention(random, sizes, amx_tiles_of);
}

TEST_F(AmxAttentionTest, TilesMultiplyWhatIsDeepEnough) {
  if (!emulator_.emulates()) GTEST_SKIP() << "instructions are counted by the emulator";
  Random random(3);
  const auto tile_instructions = [&](int64_t seq_kv, int64_t dim) {
    const long before = AmxEmulator::instructions();
    check_quantized_attention(random, {{40}, {seq_kv}, {dim}, {32}}, amx_tiles_of);
    return AmxEmulator::instructions() - before;
  };
  EXPECT_GT(tile_instructions(20, 64), 0) << "scores";
  EXPECT_GT(tile_instructions(64, 20), 0) << "values";
  EXPECT_EQ(tile_instructions(20, 20), 0);
}

}  // namespace
}  // namespace tegula::kernels::test
