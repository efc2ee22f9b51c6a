#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/plan/plan.h"

namespace tegula::runtime {

/// The plans of one program by shape key; beyond `capacity` the least recently used goes (those in use stay alive
/// with their users). Safe for concurrent calls. A look-up allocates nothing.
class PlanCache {
 public:
  explicit PlanCache(std::size_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}

  /// nullptr when there is none.
  std::shared_ptr<const Plan> find(std::span<const int64_t> key);

  struct Kept {
    std::shared_ptr<const Plan> plan;     ///< the one that is kept: another thread's when that was faster
    std::shared_ptr<const Plan> evicted;  ///< the one that went for it; nullptr: none did
  };
  Kept insert(std::span<const int64_t> key, std::shared_ptr<const Plan> plan);

  std::size_t size() const;
  std::size_t capacity() const { return capacity_; }

 private:
  struct Entry {
    uint64_t hash;
    std::vector<int64_t> key;
    std::shared_ptr<const Plan> plan;
    uint64_t last_use;
  };
  Entry* find_locked(uint64_t hash, std::span<const int64_t> key);

  mutable std::mutex mutex_;
  const std::size_t capacity_;
  uint64_t clock_ = 0;
  std::vector<Entry> entries_;  // tens: a scan over hashes beats a map
};

}  // namespace tegula::runtime
