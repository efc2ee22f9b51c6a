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
  std::vector<uint64_t> offsets;    ///< of each buffer; multiples of kBufferAlignment
  uint64_t arena_bytes = 0;         ///< the end of the last one
  uint64_t largest_live_bytes = 0;  ///< the largest sum of (aligned) buffers alive together: no plan can need less
};

inline constexpr uint64_t kBufferAlignment = 64;

/// Lays buffers out so that those alive together do not overlap. The largest are placed first, each at the
/// lowest offset that is free during its lifetime; when that wastes memory, placing by time is tried as well and the
/// smaller arena wins. Buffers of 0 bytes, or that are never used, get offset 0. The sum of all sizes must be below
/// 2^63. O(n^2) for n buffers, O(n log n) beyond a few thousand.
MemoryPlan plan_memory(std::span<const Buffer> buffers);

/// Checks a plan by its definition only: aligned, inside the arena, no two that are alive together overlap. Shares no
/// code with plan_memory. kInternal names two buffers. O(n log n + overlaps in time).
Status check_memory_plan(std::span<const Buffer> buffers, const MemoryPlan& plan);

}  // namespace tegula::runtime
