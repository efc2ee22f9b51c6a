#include "runtime/plan/plan_cache.h"

#include <algorithm>
#include <utility>

#include "schema/file_layout.h"

namespace tegula::runtime {
namespace {

uint64_t hash_of(std::span<const int64_t> key) {
  return checksum(key.data(), key.size_bytes());
}

}  // namespace

PlanCache::Entry* PlanCache::find_locked(uint64_t hash, std::span<const int64_t> key) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.hash == hash && std::equal(e.key.begin(), e.key.end(), key.begin(), key.end());
  });
  if (entry == entries_.end()) return nullptr;
  entry->last_use = ++clock_;
  return &*entry;
}

std::shared_ptr<const Plan> PlanCache::find(std::span<const int64_t> key) {
  const uint64_t hash = hash_of(key);
  const std::lock_guard lock(mutex_);
  const Entry* entry = find_locked(hash, key);
  return entry == nullptr ? nullptr : entry->plan;
}

PlanCache::Kept PlanCache::insert(std::span<const int64_t> key, std::shared_ptr<const Plan> plan) {
  const uint64_t hash = hash_of(key);
  const std::lock_guard lock(mutex_);
  if (const Entry* entry = find_locked(hash, key)) return {entry->plan, nullptr};
  Entry entry{hash, {key.begin(), key.end()}, plan, ++clock_};
  std::shared_ptr<const Plan> evicted;
  if (entries_.size() < capacity_) {
    entries_.push_back(std::move(entry));
  } else {
    const auto oldest = std::min_element(entries_.begin(), entries_.end(),
                                         [](const Entry& a, const Entry& b) { return a.last_use < b.last_use; });
    evicted = std::exchange(*oldest, std::move(entry)).plan;
  }
  return {std::move(plan), std::move(evicted)};
}

std::size_t PlanCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace tegula::runtime
