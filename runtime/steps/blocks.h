#pragma once
#include <algorithm>
#include <cstdint>

namespace tegula::runtime {

/// Blocks for a step that moves `bytes` bytes in `units` independent pieces: enough for workers of unequal speed, but
/// none so small that handing it out costs more than the work (some 2 microseconds at 16 GB/s).
inline int64_t blocks_of_bytes(int64_t units, int64_t bytes, int workers) {
  constexpr int64_t kLeastBytes = 32 * 1024;
  if (workers <= 1) return 1;
  return std::clamp<int64_t>(std::min<int64_t>(bytes / kLeastBytes, int64_t{4} * workers), 1,
                             std::max<int64_t>(units, 1));
}

/// The units [begin, end) of one block.
struct BlockRange {
  int64_t begin, end;

  BlockRange(int64_t units, int64_t block, int64_t blocks)
      : begin(at(units, block, blocks)), end(at(units, block + 1, blocks)) {}

 private:
  static int64_t at(int64_t units, int64_t block, int64_t blocks) {
    return units / blocks * block + std::min(units % blocks, block);  // no product that could overflow
  }
};

}  // namespace tegula::runtime
