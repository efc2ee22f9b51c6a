#include "runtime/plan/plan_memory.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace tegula::runtime {
namespace {

// Above this many buffers the quadratic search is left out: binding would take tens of milliseconds.
constexpr std::size_t kLargestQuadratic = 4096;

uint64_t aligned(uint64_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

bool needs_memory(const Buffer& buffer) {
  return buffer.bytes != 0 && buffer.lifetime.used();
}

// Buffers that need memory, in the order of their first steps.
std::vector<std::size_t> by_time(std::span<const Buffer> buffers) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < buffers.size(); ++i)
    if (needs_memory(buffers[i])) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].lifetime.first < buffers[b].lifetime.first; });
  return order;
}

uint64_t largest_live(std::span<const Buffer> buffers) {
  // Bytes that come to life and die with each step.
  std::map<int32_t, int64_t> changes;
  for (const Buffer& buffer : buffers) {
    if (!needs_memory(buffer)) continue;
    changes[buffer.lifetime.first] += static_cast<int64_t>(aligned(buffer.bytes));
    changes[buffer.lifetime.last + 1] -= static_cast<int64_t>(aligned(buffer.bytes));
  }
  int64_t live = 0, largest = 0;
  for (const auto& [step, change] : changes) {
    live += change;
    largest = std::max(largest, live);
  }
  return static_cast<uint64_t>(largest);
}

// Each buffer of `order` in turn goes to the lowest offset that is free during its lifetime.
void place_lowest(std::span<const Buffer> buffers, const std::vector<std::size_t>& order, MemoryPlan& plan) {
  struct Placed {
    uint64_t begin, end;
    Lifetime lifetime;
  };
  std::vector<Placed> placed;  // sorted by begin
  placed.reserve(order.size());
  plan.offsets.assign(buffers.size(), 0);
  plan.arena_bytes = 0;
  for (const std::size_t i : order) {
    const uint64_t bytes = aligned(buffers[i].bytes);
    uint64_t offset = 0;
    for (const Placed& other : placed) {
      if (!other.lifetime.overlaps(buffers[i].lifetime)) continue;
      if (other.begin >= offset + bytes) break;
      offset = std::max(offset, other.end);
    }
    plan.offsets[i] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [](uint64_t begin, const Placed& p) { return begin < p.begin; });
    placed.insert(at, {offset, offset + bytes, buffers[i].lifetime});
  }
}

// Walks the steps with a list of holes: a buffer takes the smallest hole that fits, and gives it back when it dies.
void place_by_time(std::span<const Buffer> buffers, const std::vector<std::size_t>& order, MemoryPlan& plan) {
  std::map<uint64_t, uint64_t> holes;                 // begin -> end
  std::multimap<uint64_t, uint64_t> holes_by_size;    // size -> begin
  std::multimap<int32_t, std::size_t> alive_by_last;  // last step -> buffer
  const auto forget = [&](std::map<uint64_t, uint64_t>::iterator hole) {
    auto [at, end] = holes_by_size.equal_range(hole->second - hole->first);
    while (at != end && at->second != hole->first) ++at;
    holes_by_size.erase(at);
    holes.erase(hole);
  };
  const auto give_back = [&](uint64_t begin, uint64_t end) {
    auto next = holes.lower_bound(begin);
    if (next != holes.end() && next->first == end) {
      end = next->second;
      forget(next);
    }
    next = holes.lower_bound(begin);
    if (next != holes.begin() && std::prev(next)->second == begin) {
      begin = std::prev(next)->first;
      forget(std::prev(next));
    }
    holes.emplace(begin, end);
    holes_by_size.emplace(end - begin, begin);
  };
  plan.offsets.assign(buffers.size(), 0);
  plan.arena_bytes = 0;
  for (const std::size_t i : order) {
    const Lifetime& lifetime = buffers[i].lifetime;
    while (!alive_by_last.empty() && alive_by_last.begin()->first < lifetime.first) {
      const std::size_t dead = alive_by_last.begin()->second;
      give_back(plan.offsets[dead], plan.offsets[dead] + aligned(buffers[dead].bytes));
      alive_by_last.erase(alive_by_last.begin());
    }
    const uint64_t bytes = aligned(buffers[i].bytes);
    uint64_t offset = plan.arena_bytes;
    if (const auto fit = holes_by_size.lower_bound(bytes); fit != holes_by_size.end()) {
      offset = fit->second;
      const auto hole = holes.find(offset);
      const uint64_t end = hole->second;
      forget(hole);
      if (offset + bytes < end) give_back(offset + bytes, end);
    } else if (!holes.empty() && std::prev(holes.end())->second == plan.arena_bytes) {
      offset = std::prev(holes.end())->first;  // grow the hole at the end
      forget(std::prev(holes.end()));
    }
    plan.offsets[i] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    alive_by_last.emplace(lifetime.last, i);
  }
}

}  // namespace

MemoryPlan plan_memory(std::span<const Buffer> buffers) {
  const std::vector<std::size_t> time_order = by_time(buffers);
  MemoryPlan best;
  best.largest_live_bytes = largest_live(buffers);
  if (time_order.size() > kLargestQuadratic) {
    place_by_time(buffers, time_order, best);
    return best;
  }
  std::vector<std::size_t> size_order = time_order;
  std::stable_sort(size_order.begin(), size_order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  place_lowest(buffers, size_order, best);
  for (const auto place : {place_by_time, place_lowest}) {
    if (best.arena_bytes <= best.largest_live_bytes) break;
    MemoryPlan other;
    other.largest_live_bytes = best.largest_live_bytes;
    place(buffers, time_order, other);
    if (other.arena_bytes < best.arena_bytes) best = std::move(other);
  }
  return best;
}

}  // namespace tegula::runtime
