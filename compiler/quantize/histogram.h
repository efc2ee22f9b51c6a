#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tegula::compiler {

/// How often values of each size occur, in memory that does not grow with the number of values.
///
/// Bin k of the positive side counts k*w < v < (k+1)*w and v = k*w for k > 0; bin k of the negative side counts the
/// same for -v; exact zeros are counted apart, since they have no error in any quantization. The width w is a power of
/// two, the smallest for which all values fit: a value beyond the last bin doubles it, and pairs of bins are merged. So
/// the counts do not depend on the order in which values, or whole histograms, are added: any number of threads makes
/// the same histogram. The side with the largest magnitude uses at least kBins/2 bins (but for magnitudes below
/// 2^-108).
class Histogram {
 public:
  static constexpr int kLog2Bins = 12;
  static constexpr int kBins = 1 << kLog2Bins;  ///< of each side
  static constexpr int kMinLog2Width = -120;    ///< so that 1/w is a finite float
  static constexpr int kMaxLog2Width = 116;     ///< the largest float fits

  /// Adds finite values.
  void add(std::span<const float> values);
  /// Adds counts of bins of width 2^log2_width: each side up to kBins, or fewer, from the bin at zero on.
  void add(int log2_width, std::span<const int64_t> negative, std::span<const int64_t> positive, int64_t zeros);
  void add(const Histogram& other) { add(other.log2_width_, other.negative_, other.positive_, other.zeros_); }

  /// The smallest width for which a finite value of this magnitude fits.
  static int log2_width_for(float magnitude);
  /// The bin of a finite value other than zero that fits `log2_width`.
  static int bin_of(float magnitude, int log2_width);

  int log2_width() const { return log2_width_; }
  double width() const;
  int64_t zeros() const { return zeros_; }
  /// The counts of a side, up to the last bin that holds something.
  std::span<const int64_t> positive() const;
  std::span<const int64_t> negative() const;

  friend bool operator==(const Histogram& a, const Histogram& b);

 private:
  void widen(int log2_width);
  static void add_side(std::vector<int64_t>& side, std::span<const int64_t> counts, int shift);

  int log2_width_ = kMinLog2Width;
  int64_t zeros_ = 0;
  std::vector<int64_t> negative_, positive_;  // empty, or kBins
};

}  // namespace tegula::compiler
