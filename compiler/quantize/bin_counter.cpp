#include "compiler/quantize/bin_counter.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tegula::compiler {
namespace {

constexpr uint32_t kSign = 0x80000000, kMagnitude = 0x7fffffff;

}  // namespace

BinCounter::BinCounter() : tables_(kTables) {}

void BinCounter::add(std::span<const float> values, float largest) {
  constexpr uint64_t kMostAdded = uint64_t{1} << 31;  // a counter has 32 bits
  if (added_ + values.size() > kMostAdded) gather_tables();
  widen(Histogram::log2_width_for(largest));
  added_ += values.size();
  used_ = std::max(used_, static_cast<std::size_t>(Histogram::bin_of(largest, log2_width_)) + 1);

  const float bins_per_unit = std::ldexp(1.0f, -log2_width_);
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), kBlock);
    // Zeros fall into a bin like others, so that nothing here branches, and are taken out of it at the end.
    int32_t zeros = 0, negative_zeros = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto bits = std::bit_cast<uint32_t>(values[i]);
      const auto bin = static_cast<int32_t>(std::bit_cast<float>(bits & kMagnitude) * bins_per_unit);
      slots_[i] = static_cast<uint32_t>(bin) + (bits & kSign) / (kSign / Histogram::kBins);
      zeros += (bits & kMagnitude) == 0;
      negative_zeros += bits == kSign;
    }
    zeros_ += zeros;
    negative_zeros_ += negative_zeros;
    std::size_t i = 0;
    for (; i + kTables <= count; i += kTables)
      for (std::size_t t = 0; t < kTables; ++t) ++tables_[t][slots_[i + t]];
    for (; i < count; ++i) ++tables_[0][slots_[i]];
    values = values.subspan(count);
  }
}

void BinCounter::widen(int log2_width) {
  if (log2_width <= log2_width_) return;
  gather_tables();
  log2_width_ = log2_width;
}

void BinCounter::gather_tables() {
  if (added_ == 0) return;
  std::array<std::vector<int64_t>, 2> sides;
  for (std::size_t side = 0; side < 2; ++side) {
    std::vector<int64_t>& counts = sides[side];
    counts.resize(used_);
    int64_t total = 0;
    for (Table& table : tables_) {
      uint32_t* bins = table.data() + side * Histogram::kBins;
      for (std::size_t k = 0; k < used_; ++k) {
        counts[k] += bins[k];
        total += bins[k];
      }
      std::fill(bins, bins + used_, 0);
    }
    const int64_t zeros = side == 0 ? zeros_ - negative_zeros_ : negative_zeros_;
    if (total == zeros) {
      counts.clear();
    } else {
      counts[0] -= zeros;
    }
  }
  gathered_.add(log2_width_, sides[1], sides[0], zeros_);
  zeros_ = negative_zeros_ = 0;
  used_ = 0;
  added_ = 0;
}

void BinCounter::move_to(Histogram& histogram) {
  gather_tables();
  histogram.add(gathered_);
  gathered_ = {};
  log2_width_ = Histogram::kMinLog2Width;
}

}  // namespace tegula::compiler
