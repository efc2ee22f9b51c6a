#include "compiler/quantize/kl_divergence.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

constexpr double kSmoothing = 1e-4;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

int64_t sum(std::span<const int64_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

/// What one distribution's smoothing takes from each bin that holds something; infinite if there is none.
double taken_by_smoothing(std::size_t bins, int64_t filled) {
  if (filled == 0) return kInfinity;
  return kSmoothing * static_cast<double>(static_cast<int64_t>(bins) - filled) / static_cast<double>(filled);
}

/// A window cut into groups: in each, the bins that p fills and the count that q spreads over them.
class Groups {
 public:
  Groups(std::span<const int64_t> window, bool left, bool right, int levels)
      : window_(window),
        left_(left),
        right_(right),
        size_(window.size() / static_cast<std::size_t>(levels)),
        groups_(static_cast<std::size_t>(levels)) {}

  bool fills(std::size_t bin) const {
    return window_[bin] != 0 || (left_ && bin == 0) || (right_ && bin + 1 == window_.size());
  }

  /// Calls see(first bin, end bin, bins that p fills, count) for each group.
  template <typename See>
  void for_each(const See& see) const {
    for (std::size_t group = 0; group < groups_; ++group) {
      const std::size_t first = group * size_, end = group + 1 == groups_ ? window_.size() : first + size_;
      int64_t filled = 0, count = 0;
      for (std::size_t bin = first; bin < end; ++bin) {
        filled += fills(bin);
        count += window_[bin];
      }
      see(first, end, filled, count);
    }
  }

 private:
  std::span<const int64_t> window_;
  bool left_, right_;
  std::size_t size_, groups_;
};

}  // namespace

double kl_divergence(std::span<const int64_t> window, int64_t beyond_left, int64_t beyond_right, int levels) {
  TEGULA_CHECK(levels > 0 && window.size() >= static_cast<std::size_t>(levels), "a level is at least one bin");
  const Groups groups(window, beyond_left != 0, beyond_right != 0, levels);
  int64_t p_filled = 0, q_filled = 0, q_total = 0;
  groups.for_each([&](std::size_t, std::size_t, int64_t filled, int64_t count) {
    p_filled += filled;
    if (count != 0) q_filled += filled;
    q_total += count;
  });
  const double p_taken = taken_by_smoothing(window.size(), p_filled);
  const double q_taken = taken_by_smoothing(window.size(), q_filled);
  if (!(p_taken < 1) || !(q_taken < 1)) return kInfinity;

  // Smoothing keeps the sums, so both are known: the logarithm of p/q, each divided by its sum, needs only this factor.
  const auto p_total = static_cast<double>(q_total + beyond_left + beyond_right);
  const double q_over_p = static_cast<double>(q_total) / p_total;
  double divergence = 0;
  bool positive = true;
  groups.for_each([&](std::size_t first, std::size_t end, int64_t filled, int64_t count) {
    const double q = count != 0 ? static_cast<double>(count) / static_cast<double>(filled) - q_taken : kSmoothing;
    positive = positive && q > 0;
    for (std::size_t bin = first; bin < end; ++bin) {
      if (!groups.fills(bin)) continue;
      int64_t clipped = window[bin];
      if (bin == 0) clipped += beyond_left;
      if (bin + 1 == window.size()) clipped += beyond_right;
      const double p = static_cast<double>(clipped) - p_taken;
      divergence += p * std::log(p / q * q_over_p);
    }
  });
  if (!positive) return kInfinity;
  // Bins that p leaves empty are empty in q as well: both hold what smoothing gave them.
  const auto empty = static_cast<double>(static_cast<int64_t>(window.size()) - p_filled);
  divergence += empty * kSmoothing * std::log(q_over_p);
  return divergence / p_total;
}

KlThreshold kl_threshold(std::span<const int64_t> histogram, int levels) {
  TEGULA_CHECK(histogram.size() % 2 == 1, "one bin lies around zero");
  TEGULA_CHECK(levels > 0 && histogram.size() >= static_cast<std::size_t>(levels), "a level is at least one bin");
  const std::size_t middle = histogram.size() / 2;
  KlThreshold best{-1, kInfinity};
  for (std::size_t half = static_cast<std::size_t>(levels) / 2; half <= middle; ++half) {
    const std::size_t first = middle - half, end = middle + half + 1;
    const double divergence = kl_divergence(histogram.subspan(first, end - first), sum(histogram.first(first)),
                                            sum(histogram.subspan(end)), levels);
    if (divergence < best.divergence) best = {static_cast<int64_t>(half), divergence};
  }
  return best;
}

}  // namespace tegula::compiler
