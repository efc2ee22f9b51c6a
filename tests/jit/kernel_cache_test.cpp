#include "jit/kernel_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace tegula::jit {
namespace {

using Cache = KernelCache<int, int>;

TEST(KernelCache, BuildsEachDescriptorOnce) {
  Cache cache;
  std::atomic<int> builds{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round)
        for (int desc = 0; desc < 16; ++desc) {
          const Cache::Built built = cache.get_or_build(desc, [&](int d) -> Cache::Built {
            ++builds;
            return std::make_shared<const int>(d * d);
          });
          ASSERT_TRUE(built.ok());
          ASSERT_EQ(**built, desc * desc);
        }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(builds, 16);
}

TEST(KernelCache, FailureIsRememberedAsAValue) {
  Cache cache;
  int builds = 0;
  const auto fail = [&](int) -> Cache::Built {
    ++builds;
    return Error{ErrorCode::kUnsupported, "no"};
  };
  for (int i = 0; i < 2; ++i) {
    const Cache::Built built = cache.get_or_build(1, fail);
    ASSERT_FALSE(built.ok());
    EXPECT_EQ(built.error().code, ErrorCode::kUnsupported);
  }
  EXPECT_EQ(builds, 1);
}

TEST(KernelCache, GeneratorThatThrowsIsAnErrorForAll) {
  Cache cache;
  const auto throws = [](int) -> Cache::Built { throw std::logic_error("no free register for b_stride"); };
  for (int i = 0; i < 2; ++i) {
    const Cache::Built built = cache.get_or_build(1, throws);
    ASSERT_FALSE(built.ok());
    EXPECT_EQ(built.error().code, ErrorCode::kInternal);
    EXPECT_NE(built.error().message.find("b_stride"), std::string::npos);
  }
}

}  // namespace
}  // namespace tegula::jit
