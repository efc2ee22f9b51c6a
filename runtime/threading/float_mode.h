#pragma once
#include <xmmintrin.h>

namespace tegula::runtime {

/// While it lives, this thread computes in the mode that the contract on numbers fixes: round to nearest even, all
/// exceptions masked, subnormals neither flushed nor read as zero. Then the mode of before is back, flags included.
class FloatMode {
 public:
  FloatMode() : before_(_mm_getcsr()) { _mm_setcsr(kDefault); }
  ~FloatMode() { _mm_setcsr(before_); }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  static constexpr unsigned kDefault = 0x1f80;
  unsigned before_;
};

}  // namespace tegula::runtime
