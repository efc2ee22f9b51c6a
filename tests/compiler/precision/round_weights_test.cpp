#include "compiler/precision/round_weights.h"

#include <gtest/gtest.h>

namespace tegula::compiler {
namespace {

TEST(RoundWeights, RoundsEachElement) {
  const Literal rounded = rounded_to_bf16(Literal::of<float>({3}, {1.0f, 1.0f + 0x1p-8f, 1.0f + 0x1.8p-7f}));
  EXPECT_EQ(rounded.dtype(), DType::kBF16);
  EXPECT_EQ(rounded.to_doubles(), (std::vector<double>{1, 1, 1 + 0x1p-6}));
}

}  // namespace
}  // namespace tegula::compiler
