#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>

#include "perf/kernels/buffer.h"

namespace tegula::perf {

/// Several copies of one packed matrix, used in turn: as many as `cold` bytes hold, so that what a network streams from
/// memory once per inference is not measured from the cache. All live in one piece of memory that is made once; only
/// one Weights may be in use at a time.
class Weights {
 public:
  Weights(int64_t bytes, int64_t cold)
      : elements_((std::max<int64_t>(bytes, 1) + 63) / 64 * 16), copies_(std::max<int64_t>(cold / (4 * elements_), 1)) {
    if (!pool_ || pool_->elements() < elements_ * copies_) {
      pool_.reset();
      pool_ = std::make_unique<Buffer>(elements_ * copies_);
    }
  }

  /// Of one copy.
  int64_t bytes() const { return elements_ * 4; }
  int64_t copies() const { return copies_; }
  float* copy(int64_t index) const { return pool_->data() + index * elements_; }
  const float* next() { return copy(turn_++ % copies_); }

 private:
  static inline std::unique_ptr<Buffer> pool_;
  int64_t elements_, copies_, turn_ = 0;
};

}  // namespace tegula::perf
