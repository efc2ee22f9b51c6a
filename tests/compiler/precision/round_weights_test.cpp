#include "compiler/precision/round_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tegula::compiler {
namespace {

TEST(RoundWeights, RoundsEachElement) {
  const Literal rounded = rounded_to_bf16(Literal::of<float>({3}, {1.0f, 1.0f + 0x1p-8f, 1.0f + 0x1.8p-7f}));
  EXPECT_EQ(rounded.dtype(), DType::kBF16);
  EXPECT_EQ(rounded.to_doubles(), (std::vector<double>{1, 1, 1 + 0x1p-6}));
}

TEST(RoundWeights, FiltersKeepTheirSums) {
  constexpr int64_t kFilters = 5, kElements = 36;
  std::vector<float> weights;
  for (int64_t i = 0; i < kFilters * kElements; ++i)
    weights.push_back(1.0f + 0x1p-9f * static_cast<float>(1 + (i * 7) % 3) + static_cast<float>(i % 4));
  const Literal filters = Literal::of<float>({kFilters, 4, 3, 3}, weights);
  const std::vector<double> wanted = filters.to_doubles(), rounded = rounded_keeping_sums(filters).to_doubles(),
                            each = rounded_to_bf16(filters).to_doubles();
  double largest_by_itself = 0;
  for (int64_t f = 0; f < kFilters; ++f) {
    double sum = 0, alone = 0;
    for (int64_t i = f * kElements; i < (f + 1) * kElements; ++i) {
      const auto at = static_cast<std::size_t>(i);
      sum += rounded[at] - wanted[at];
      alone += each[at] - wanted[at];
      EXPECT_LE(std::abs(rounded[at] - wanted[at]), 0x1p-5) << "a unit in the last place of 4 to 8";
    }
    EXPECT_LE(std::abs(sum), 0x1p-6) << "half of it: what the last element has left";
    largest_by_itself = std::max(largest_by_itself, std::abs(alone));
  }
  EXPECT_GT(largest_by_itself, 0x1p-4);
}

TEST(RoundWeights, InfinityDoesNotSpread) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<double> rounded =
      rounded_keeping_sums(Literal::of<float>({1, 1, 3}, {infinity, 1.0f, 2.0f})).to_doubles();
  EXPECT_EQ(rounded, (std::vector<double>{infinity, 1, 2}));
}

}  // namespace
}  // namespace tegula::compiler
