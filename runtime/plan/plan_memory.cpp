#include "runtime/plan/plan_memory.h"

#include <algorithm>
#include <map>
#include <utility>

namespace tegula::runtime {
namespace {

// Above this many buffers the quadratic search is left out: binding would take tens of milliseconds.
constexpr std::size_t kLargestQuadratic = 4096;
// Orders tried from each start. A hundred buffers take some 20 microseconds for one, and the time grows with the
// square.
constexpr int kRounds = 60;
constexpr int kRoundsWithHint = 4;
constexpr uint64_t kMostPairs = 20'000'000;

uint64_t aligned(uint64_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

bool needs_memory(const Buffer& buffer) {
  return buffer.bytes != 0 && buffer.lifetime.used();
}

// Sorts by `before`; buffers that it does not tell apart keep their order. (std::stable_sort takes its memory from a
// function that C++17 deprecated, which clang reports.)
template <typename Before>
void sort_stably(std::vector<uint32_t>& order, const Before& before) {
  std::vector<std::pair<uint32_t, uint32_t>> places;  // buffer, place until now
  places.reserve(order.size());
  for (const uint32_t i : order) places.emplace_back(i, static_cast<uint32_t>(places.size()));
  std::ranges::sort(places, [&](const auto& a, const auto& b) {
    if (before(a.first, b.first)) return true;
    return !before(b.first, a.first) && a.second < b.second;
  });
  for (std::size_t at = 0; at < order.size(); ++at) order[at] = places[at].first;
}

// Buffers that need memory, in the order of their first steps.
std::vector<uint32_t> by_time(std::span<const Buffer> buffers) {
  std::vector<uint32_t> order;
  for (std::size_t i = 0; i < buffers.size(); ++i)
    if (needs_memory(buffers[i])) order.push_back(static_cast<uint32_t>(i));
  sort_stably(order, [&](uint32_t a, uint32_t b) { return buffers[a].lifetime.first < buffers[b].lifetime.first; });
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
class LowestOffsets {
 public:
  explicit LowestOffsets(std::span<const Buffer> buffers) : buffers_(buffers), offsets_(buffers.size(), 0) {}

  const std::vector<uint64_t>& offsets() const { return offsets_; }

  /// The bytes of the arena.
  uint64_t place(const std::vector<uint32_t>& order) {
    placed_.clear();
    uint64_t arena_bytes = 0;
    for (const uint32_t i : order) {
      const uint64_t bytes = aligned(buffers_[i].bytes);
      const Lifetime& lifetime = buffers_[i].lifetime;
      uint64_t offset = 0;
      for (const Placed& other : placed_) {
        if (!other.lifetime.overlaps(lifetime)) continue;
        if (other.begin >= offset + bytes) break;
        offset = std::max(offset, other.end);
      }
      offsets_[i] = offset;
      arena_bytes = std::max(arena_bytes, offset + bytes);
      const auto at = std::upper_bound(placed_.begin(), placed_.end(), offset,
                                       [](uint64_t begin, const Placed& p) { return begin < p.begin; });
      placed_.insert(at, {offset, offset + bytes, lifetime});
    }
    return arena_bytes;
  }

 private:
  struct Placed {
    uint64_t begin, end;
    Lifetime lifetime;
  };
  std::span<const Buffer> buffers_;
  std::vector<uint64_t> offsets_;
  std::vector<Placed> placed_;  // sorted by begin
};

// Tries orders and keeps the best.
class Search {
 public:
  Search(std::span<const Buffer> buffers, MemoryPlan& best) : buffers_(buffers), placing_(buffers), best_(best) {}

  bool good_enough() const {
    return best_.arena_bytes <= best_.largest_live_bytes + best_.largest_live_bytes / kTolerance;
  }

  // From `order` on, moves the buffer at the end of the arena before one that it is alive together with.
  void climb(std::vector<uint32_t> order, int rounds) {
    for (int round = 0;; ++round) {
      const uint64_t arena_bytes = place(order);
      if (round == rounds || good_enough() ||
          !advance_last(order, arena_bytes, round % kRoundsOfSurprise == kRoundsOfSurprise - 1))
        return;
    }
  }

 private:
  static constexpr uint64_t kTolerance = 50;  // 2 %
  // Now and then the place is drawn, or the search would go around in circles.
  static constexpr int kRoundsOfSurprise = 3;

  uint64_t place(const std::vector<uint32_t>& order) {
    const uint64_t arena_bytes = placing_.place(order);
    if (best_.order.empty() || arena_bytes < best_.arena_bytes) {
      best_.arena_bytes = arena_bytes;
      best_.offsets = placing_.offsets();
      best_.order = order;
    }
    return arena_bytes;
  }

  bool advance_last(std::vector<uint32_t>& order, uint64_t arena_bytes, bool surprise) {
    std::size_t last = order.size();
    for (std::size_t k = 0; k < order.size(); ++k)
      if (placing_.offsets()[order[k]] + aligned(buffers_[order[k]].bytes) == arena_bytes) last = k;
    if (last == order.size()) return false;
    std::vector<std::size_t> before;
    for (std::size_t k = 0; k < last; ++k)
      if (buffers_[order[k]].lifetime.overlaps(buffers_[order[last]].lifetime)) before.push_back(k);
    if (before.empty()) return false;
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    const std::size_t to = surprise ? before[(random_ >> 33) % before.size()] : before.front();
    std::rotate(order.begin() + static_cast<std::ptrdiff_t>(to), order.begin() + static_cast<std::ptrdiff_t>(last),
                order.begin() + static_cast<std::ptrdiff_t>(last) + 1);
    return true;
  }

  std::span<const Buffer> buffers_;
  LowestOffsets placing_;
  MemoryPlan& best_;
  uint64_t random_ = 1;
};

// By the largest live set that a buffer is a part of. As it is when lifetimes are too long to walk through.
std::vector<uint32_t> by_breadth(std::span<const Buffer> buffers, std::vector<uint32_t> order) {
  int32_t steps = 0;
  for (const uint32_t i : order) steps = std::max(steps, buffers[i].lifetime.last + 1);
  if (static_cast<uint64_t>(steps) * order.size() > kMostPairs) return order;
  std::vector<uint64_t> live(static_cast<std::size_t>(steps), 0);
  const auto range_of = [&](uint32_t i) {
    return std::span(live).subspan(static_cast<std::size_t>(buffers[i].lifetime.first),
                                   static_cast<std::size_t>(buffers[i].lifetime.last - buffers[i].lifetime.first + 1));
  };
  for (const uint32_t i : order)
    for (uint64_t& bytes : range_of(i)) bytes += buffers[i].bytes;
  std::vector<uint64_t> breadth(buffers.size(), 0);
  for (const uint32_t i : order) breadth[i] = std::ranges::max(range_of(i));
  sort_stably(order, [&](uint32_t a, uint32_t b) {
    return breadth[a] != breadth[b] ? breadth[a] > breadth[b] : buffers[a].bytes > buffers[b].bytes;
  });
  return order;
}

// The hint's buffers that need memory, followed by those that it does not know.
std::vector<uint32_t> by_hint(std::span<const Buffer> buffers, std::span<const uint32_t> hint,
                              const std::vector<uint32_t>& all) {
  std::vector<uint32_t> order;
  std::vector<bool> seen(buffers.size(), false);
  const auto append = [&](uint32_t i) {
    if (i >= buffers.size() || seen[i] || !needs_memory(buffers[i])) return;
    seen[i] = true;
    order.push_back(i);
  };
  std::ranges::for_each(hint, append);
  std::ranges::for_each(all, append);
  return order;
}

// Walks the steps with a list of holes: a buffer takes the smallest hole that fits, and gives it back when it dies.
void place_by_time(std::span<const Buffer> buffers, const std::vector<uint32_t>& order, MemoryPlan& plan) {
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
  for (const uint32_t i : order) {
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

MemoryPlan plan_memory(std::span<const Buffer> buffers, std::span<const uint32_t> hint) {
  const std::vector<uint32_t> time_order = by_time(buffers);
  MemoryPlan best;
  best.largest_live_bytes = largest_live(buffers);
  best.offsets.assign(buffers.size(), 0);
  if (time_order.size() > kLargestQuadratic) {
    place_by_time(buffers, time_order, best);
    return best;
  }
  std::vector<uint32_t> size_order = time_order;
  sort_stably(size_order, [&](uint32_t a, uint32_t b) { return buffers[a].bytes > buffers[b].bytes; });
  Search search(buffers, best);
  if (!hint.empty()) {
    search.climb(by_hint(buffers, hint, size_order), kRoundsWithHint);
    return best;
  }
  const uint64_t pairs = std::max<uint64_t>(time_order.size() * time_order.size(), 1);
  const int rounds = static_cast<int>(std::min<uint64_t>(kMostPairs / pairs, kRounds));
  search.climb(size_order, rounds);
  if (!search.good_enough()) search.climb(by_breadth(buffers, size_order), rounds);
  if (!search.good_enough()) search.climb(time_order, rounds);
  return best;
}

}  // namespace tegula::runtime
