#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/quantize/histogram.h"

namespace tegula::compiler {

/// Counts values of one tensor fast, on one thread, before they go into a histogram.
class BinCounter {
 public:
  BinCounter();

  /// Adds finite values, none larger in magnitude than `largest`.
  void add(std::span<const float> values, float largest);

  /// What was added since the last call.
  void move_to(Histogram& histogram);

 private:
  // Neighbours are often equal, and an increment has to wait for the one before of the same counter: values take turns
  // with the tables.
  static constexpr std::size_t kTables = 4;
  static constexpr std::size_t kBlock = 1024;
  using Table = std::array<uint32_t, 2 * Histogram::kBins>;  // the positive side, then the negative one

  void widen(int log2_width);
  void gather_tables();

  int log2_width_ = Histogram::kMinLog2Width;
  std::size_t used_ = 0;  // bins of a side that may hold something
  int64_t zeros_ = 0, negative_zeros_ = 0;
  uint64_t added_ = 0;  // since the tables were gathered
  std::vector<Table> tables_;
  Histogram gathered_;
  std::array<uint32_t, kBlock> slots_;
};

}  // namespace tegula::compiler
