#include <algorithm>
#include <limits>
#include <vector>

#include "compiler/quantize/choose_range.h"
#include "compiler/quantize/kl_divergence.h"

namespace tegula::compiler {
namespace {

/// Candidates are this many bins apart: at most 0.8 % of the largest magnitude.
constexpr std::size_t kStep = 16;

}  // namespace

Range kl_range(const TensorProfile& tensor, const RangeOptions& options) {
  const Histogram& histogram = tensor.histogram;
  const std::span<const int64_t> negative = histogram.negative(), positive = histogram.positive();
  const std::size_t longest = std::max(negative.size(), positive.size());
  if (longest == 0) return tensor.extremes;
  // A symmetric range spends its levels on both sides, whether or not there are values.
  const std::size_t left = options.symmetric ? longest : negative.size();
  const std::size_t right = options.symmetric ? longest : positive.size();

  std::vector<int64_t> counts(left + right);
  for (std::size_t k = 0; k < negative.size(); ++k) counts[left - 1 - k] = negative[k];
  for (std::size_t k = 0; k < positive.size(); ++k) counts[left + k] = positive[k];
  std::vector<int64_t> sums(counts.size() + 1);
  for (std::size_t k = 0; k < counts.size(); ++k) sums[k + 1] = sums[k] + counts[k];

  double least = std::numeric_limits<double>::infinity();
  std::size_t kept = longest;
  for (std::size_t side = longest % kStep;; side += kStep) {
    const std::size_t first = left - std::min(left, side), end = left + std::min(right, side);
    if (end - first >= static_cast<std::size_t>(options.levels)) {
      const double divergence = kl_divergence(std::span(counts).subspan(first, end - first), sums[first],
                                              sums.back() - sums[end], options.levels);
      if (divergence < least) {
        least = divergence;
        kept = side;
      }
    }
    if (side >= longest) break;
  }
  const auto threshold = static_cast<float>(static_cast<double>(kept) * histogram.width());
  return {std::clamp(-threshold, tensor.extremes.low, tensor.extremes.high),
          std::clamp(threshold, tensor.extremes.low, tensor.extremes.high)};
}

}  // namespace tegula::compiler
