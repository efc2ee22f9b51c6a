#include <algorithm>
#include <set>

#include "runtime/plan/plan_memory.h"

namespace tegula::runtime {

Status check_memory_plan(std::span<const Buffer> buffers, const MemoryPlan& plan) {
  const auto fail = [](const auto&... parts) { return Error{ErrorCode::kInternal, concat("memory plan: ", parts...)}; };
  if (plan.offsets.size() != buffers.size())
    return fail("has ", plan.offsets.size(), " offsets for ", buffers.size(), " buffers");

  struct Event {
    int32_t step;
    bool begins;
    std::size_t buffer;
  };
  std::vector<Event> events;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const Buffer& buffer = buffers[i];
    if (buffer.bytes == 0 || buffer.lifetime.first > buffer.lifetime.last) continue;
    if (plan.offsets[i] % kBufferAlignment != 0) return fail("buffer ", i, " is not aligned");
    if (plan.offsets[i] > plan.arena_bytes || buffer.bytes > plan.arena_bytes - plan.offsets[i])
      return fail("buffer ", i, " leaves the arena");
    events.push_back({buffer.lifetime.first, true, i});
    events.push_back({buffer.lifetime.last + 1, false, i});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return a.step != b.step ? a.step < b.step : a.begins < b.begins;  // the dead leave before others come
  });

  // Buffers alive now, by offset. As long as no two overlap, only the neighbours of a newcomer can.
  std::set<std::pair<uint64_t, std::size_t>> alive;
  for (const Event& event : events) {
    const std::pair<uint64_t, std::size_t> entry(plan.offsets[event.buffer], event.buffer);
    if (!event.begins) {
      alive.erase(entry);
      continue;
    }
    const auto at = alive.insert(entry).first;
    const auto overlaps = [&](std::size_t a, std::size_t b) {
      return plan.offsets[a] + buffers[a].bytes > plan.offsets[b];
    };
    if (at != alive.begin() && overlaps(std::prev(at)->second, event.buffer))
      return fail("buffers ", std::prev(at)->second, " and ", event.buffer, " overlap");
    if (std::next(at) != alive.end() && overlaps(event.buffer, std::next(at)->second))
      return fail("buffers ", event.buffer, " and ", std::next(at)->second, " overlap");
  }
  return {};
}

}  // namespace tegula::runtime
