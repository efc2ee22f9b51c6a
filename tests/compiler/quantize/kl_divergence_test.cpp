// The vectors were computed by an independent program (NumPy, double precision) that follows the published search:
// every candidate, from as many bins as there are levels to all of them.
#include "compiler/quantize/kl_divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

namespace tegula::compiler {
namespace {

constexpr int kBins = 8001, kMiddle = 4000;

std::vector<int64_t> noise(int64_t scale) {
  std::vector<int64_t> counts;
  uint32_t x = 7;
  for (int i = 0; i < kBins; ++i) {
    x = x * 1664525 + 1013904223;
    counts.push_back((x >> 16) * scale);
  }
  return counts;
}

TEST(KlThreshold, SmoothPeakWithAThinTail) {
  std::vector<int64_t> counts;
  for (int64_t k = 0; k < kBins; ++k) {
    const int64_t from_zero = std::abs(k - kMiddle);
    if (from_zero < kMiddle - 100) {
      counts.push_back(10'000'000 / (1 + from_zero * from_zero / 100));
    } else {
      counts.push_back(k % 97 == 0 ? 1 : 0);
    }
  }
  const KlThreshold best = kl_threshold(counts, 255);
  EXPECT_EQ(best.half_bins, 1400);
  EXPECT_NEAR(best.divergence, 0.029559761026207595, 1e-12);
}

TEST(KlThreshold, NoisyPeak) {
  std::vector<int64_t> counts = noise(10);
  for (int64_t k = 0; k < kBins; ++k) counts[k] /= 1 + (k - kMiddle) * (k - kMiddle) / 500;
  const KlThreshold best = kl_threshold(counts, 255);
  EXPECT_EQ(best.half_bins, 2545);
  EXPECT_NEAR(best.divergence, 0.17521330652139244, 1e-12);
}

TEST(KlThreshold, OneSided) {
  std::vector<int64_t> counts = noise(100);
  for (int64_t k = 0; k < kBins; ++k) {
    if (k < kMiddle) counts[k] = 0;
    counts[k] /= 1 + (k - kMiddle) * (k - kMiddle) / 50;
  }
  const KlThreshold best = kl_threshold(counts, 255);
  EXPECT_EQ(best.half_bins, 178);
  EXPECT_NEAR(best.divergence, 0.06924385541326285, 1e-12);
}

TEST(KlThreshold, SmallByHand) {
  const std::vector<int64_t> counts = {0, 0, 0, 1, 5, 9, 12, 40, 12, 8, 5, 1, 0, 2, 0};
  const std::vector<double> divergences = {0.037969518287150394, 0.0076825600899359655, 0.2934370469353347,
                                           0.11370718953812141,  0.14223099269954967,   0.1908722537513297};
  for (std::size_t half = 2; half <= 7; ++half) {
    int64_t left = 0, right = 0;
    for (std::size_t k = 0; k < 7 - half; ++k) left += counts[k];
    for (std::size_t k = 8 + half; k < counts.size(); ++k) right += counts[k];
    const std::span<const int64_t> window = std::span(counts).subspan(7 - half, 2 * half + 1);
    EXPECT_NEAR(kl_divergence(window, left, right, 5), divergences[half - 2], 1e-14) << half;
  }
  EXPECT_EQ(kl_threshold(counts, 5).half_bins, 3);
}

TEST(KlDivergence, OneBinALevelLosesNothing) {
  const std::vector<int64_t> counts = {3, 0, 7, 1, 9};
  EXPECT_NEAR(kl_divergence(counts, 0, 0, 5), 0, 1e-15);
  EXPECT_GT(kl_divergence(counts, 0, 0, 2), 0);
}

TEST(KlDivergence, NothingToTakeFromIsInfinite) {
  EXPECT_TRUE(std::isinf(kl_divergence(std::vector<int64_t>(9), 0, 0, 3)));
  EXPECT_TRUE(std::isinf(kl_divergence(std::vector<int64_t>(9), 5, 5, 3)));
  EXPECT_EQ(kl_threshold(std::vector<int64_t>(9), 3).half_bins, -1);
}

}  // namespace
}  // namespace tegula::compiler
