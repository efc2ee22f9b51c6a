#include "compiler/quantize/histogram.h"

#include <algorithm>
#include <cmath>

#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

std::span<const int64_t> without_empty_end(const std::vector<int64_t>& counts) {
  std::size_t used = counts.size();
  while (used > 0 && counts[used - 1] == 0) --used;
  return {counts.data(), used};
}

}  // namespace

int Histogram::log2_width_for(float magnitude) {
  TEGULA_CHECK(std::isfinite(magnitude) && magnitude >= 0, "a histogram counts finite values");
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude < 2^exponent
  return magnitude == 0 ? kMinLog2Width : std::max(exponent - kLog2Bins, kMinLog2Width);
}

int Histogram::bin_of(float magnitude, int log2_width) {
  return static_cast<int>(magnitude * std::ldexp(1.0f, -log2_width));
}

double Histogram::width() const {
  return std::ldexp(1.0, log2_width_);
}

std::span<const int64_t> Histogram::positive() const {
  return without_empty_end(positive_);
}

std::span<const int64_t> Histogram::negative() const {
  return without_empty_end(negative_);
}

void Histogram::add(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  widen(log2_width_for(largest));
  for (const float value : values) {
    if (value == 0) {
      ++zeros_;
      continue;
    }
    std::vector<int64_t>& side = value < 0 ? negative_ : positive_;
    if (side.empty()) side.resize(kBins);
    ++side[static_cast<std::size_t>(bin_of(std::fabs(value), log2_width_))];
  }
}

void Histogram::add(int log2_width, std::span<const int64_t> negative, std::span<const int64_t> positive,
                    int64_t zeros) {
  widen(log2_width);
  add_side(negative_, negative, log2_width_ - log2_width);
  add_side(positive_, positive, log2_width_ - log2_width);
  zeros_ += zeros;
}

void Histogram::add_side(std::vector<int64_t>& side, std::span<const int64_t> counts, int shift) {
  TEGULA_CHECK(counts.size() <= kBins, "a histogram has a fixed number of bins");
  if (counts.empty()) return;
  if (side.empty()) side.resize(kBins);
  shift = std::min(shift, kLog2Bins);
  for (std::size_t k = 0; k < counts.size(); ++k) side[k >> shift] += counts[k];
}

void Histogram::widen(int log2_width) {
  if (log2_width <= log2_width_) return;
  const int shift = std::min(log2_width - log2_width_, kLog2Bins);
  for (std::vector<int64_t>* side : {&negative_, &positive_}) {
    const std::vector<int64_t> narrow = std::move(*side);
    side->clear();
    add_side(*side, narrow, shift);
  }
  log2_width_ = log2_width;
}

bool operator==(const Histogram& a, const Histogram& b) {
  return a.log2_width_ == b.log2_width_ && a.zeros_ == b.zeros_ && std::ranges::equal(a.negative(), b.negative()) &&
         std::ranges::equal(a.positive(), b.positive());
}

}  // namespace tegula::compiler
