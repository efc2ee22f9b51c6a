#include "jit/emit/vector_tail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/guarded_buffer.h"

namespace tegula::jit {
namespace {

/// Copies the first `count` lanes of one vector.
class CopyTail final : public Generator {
 public:
  explicit CopyTail(VectorIsa isa) : Generator("copy_tail") {
    VectorTail tail(*this, isa, 1, 1);
    tail.mark(rdx, rax);
    tail.load(0, ptr[rdi]);
    tail.store(ptr[rsi], 0);
    leave();
    call = finish<void (*)(const float*, float*, int64_t)>();
  }
  void (*call)(const float*, float*, int64_t) = nullptr;
};

TEST(VectorTail, TouchesOnlyTheMarkedLanes) {
  for (const VectorIsa isa : {VectorIsa::kAvx2, VectorIsa::kAvx512}) {
    if (!has(CpuFeatures::detect(), isa)) continue;
    const CopyTail kernel(isa);
    for (int64_t count = 0; count <= lanes_of(isa) + 3; ++count) {
      const int64_t copied = std::min<int64_t>(count, lanes_of(isa));
      test::GuardedBuffer<float> from(static_cast<std::size_t>(copied)), to(static_cast<std::size_t>(copied));
      for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i) + 1;
      kernel.call(from.data(), to.data(), count);
      for (std::size_t i = 0; i < to.size(); ++i)
        ASSERT_EQ(to[i], from[i]) << name_of(isa) << ", " << count << " lanes";
    }
  }
}

TEST(VectorTail, LeavesMemoryBehindTheTailAlone) {
  for (const VectorIsa isa : {VectorIsa::kAvx2, VectorIsa::kAvx512}) {
    if (!has(CpuFeatures::detect(), isa)) continue;
    const CopyTail kernel(isa);
    const std::vector<float> from(16, 5.0f);
    std::vector<float> to(16, 7.0f);
    kernel.call(from.data(), to.data(), 3);
    for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(to[i], i < 3 ? 5.0f : 7.0f);
  }
}

}  // namespace
}  // namespace tegula::jit
