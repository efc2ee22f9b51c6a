#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/plan/lifetimes.h"
#include "schema/base/result.h"

namespace tegula::runtime {

/// Bytes that must be there throughout a lifetime.
struct Buffer {
  uint64_t bytes = 0;
  Lifetime lifetime;
};

struct MemoryPlan {
  std::vector<uint64_t> offsets;     ///< of each buffer; multiples of kBufferAlignment
  uint64_t arena_bytes = 0;          ///< the end of the last one
  uint64_t largest_live_bytes = 0;   ///< the largest sum of (aligned) buffers alive together: no plan can need less
  std::vector<uint32_t> order = {};  ///< in which the buffers were placed: a hint for the same program with other sizes
};

inline constexpr uint64_t kBufferAlignment = 64;

/// Lays buffers out so that those alive together do not overlap: each in turn goes to the lowest offset that is free
/// during its lifetime. The order decides. Largest first is mostly right; when the arena is more than 2 % larger than
/// the largest live set, the buffer that sticks out at the end is placed earlier, again and again, also from other
/// first orders, and the smallest arena wins. With a `hint`, its order comes first and the search is short.
/// Deterministic.
///
/// Buffers of 0 bytes, or that are never used, get offset 0. The sum of all sizes must be below 2^63. O(n^2) for n
/// buffers and each order tried; beyond a few thousand buffers one pass over time in O(n log n) instead.
MemoryPlan plan_memory(std::span<const Buffer> buffers, std::span<const uint32_t> hint = {});

/// Checks a plan by its definition only: aligned, inside the arena, no two that are alive together overlap. Shares no
/// code with plan_memory. kInternal names two buffers. O(n log n + overlaps in time).
Status check_memory_plan(std::span<const Buffer> buffers, const MemoryPlan& plan);

}  // namespace tegula::runtime
