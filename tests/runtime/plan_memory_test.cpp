#include "runtime/plan/plan_memory.h"

#include <gtest/gtest.h>

#include <random>

namespace tegula::runtime {
namespace {

Buffer buffer(uint64_t bytes, int32_t first, int32_t last) {
  return {bytes, {first, last}};
}

// The definition, buffer against buffer.
bool overlaps_anywhere(const std::vector<Buffer>& buffers, const MemoryPlan& plan) {
  for (std::size_t i = 0; i < buffers.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (buffers[i].bytes != 0 && buffers[j].bytes != 0 && buffers[i].lifetime.used() && buffers[j].lifetime.used() &&
          buffers[i].lifetime.overlaps(buffers[j].lifetime) && plan.offsets[i] < plan.offsets[j] + buffers[j].bytes &&
          plan.offsets[j] < plan.offsets[i] + buffers[i].bytes)
        return true;
  return false;
}

TEST(PlanMemory, ReusesMemoryOfTheDead) {
  const std::vector<Buffer> buffers = {buffer(1000, 0, 1), buffer(500, 1, 2), buffer(1000, 2, 3), buffer(0, 0, 3),
                                       Buffer{640, {}}};
  const MemoryPlan plan = plan_memory(buffers);
  EXPECT_TRUE(check_memory_plan(buffers, plan).ok());
  EXPECT_EQ(plan.offsets[0], plan.offsets[2]);
  EXPECT_EQ(plan.largest_live_bytes, 1024u + 512u);
  EXPECT_EQ(plan.arena_bytes, 1024u + 512u);
}

TEST(PlanMemory, NothingNeedsNothing) {
  const MemoryPlan plan = plan_memory({});
  EXPECT_EQ(plan.arena_bytes, 0u);
  EXPECT_EQ(plan.largest_live_bytes, 0u);
}

TEST(PlanMemory, HoldsForRandomLifetimes) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Buffer> buffers;
    const int steps = 1 + static_cast<int>(random() % 60);
    for (int count = static_cast<int>(random() % 80); count > 0; --count) {
      const auto first = static_cast<int32_t>(random() % static_cast<unsigned>(steps));
      const auto length = static_cast<int32_t>(random() % (random() % 4 == 0 ? 30 : 4));
      buffers.push_back(buffer(random() % 3 == 0 ? random() % 100 : random() % 100'000, first, first + length));
    }
    const MemoryPlan plan = plan_memory(buffers);
    EXPECT_FALSE(overlaps_anywhere(buffers, plan));
    EXPECT_TRUE(check_memory_plan(buffers, plan).ok());
    EXPECT_GE(plan.arena_bytes, plan.largest_live_bytes);
  }
}

// A chain with a shortcut around every few steps, as in residual networks: feature maps shrink, channels grow.
std::vector<Buffer> residual_network(std::mt19937& random, int steps) {
  std::vector<Buffer> buffers;
  for (int32_t s = 0; s < steps; ++s) {
    const uint64_t bytes = (3'000'000u >> (4 * s / steps)) * (1 + random() % 4) / 2;
    buffers.push_back(buffer(bytes, s, s + 1 + (s % 3 == 0 ? 3 : 0)));
  }
  return buffers;
}

TEST(PlanMemory, StaysNearTheLargestLiveSetOfNetworks) {
  std::mt19937 random(2);
  for (int round = 0; round < 50; ++round) {
    const std::vector<Buffer> buffers = residual_network(random, 40 + static_cast<int>(random() % 200));
    const MemoryPlan plan = plan_memory(buffers);
    EXPECT_TRUE(check_memory_plan(buffers, plan).ok());
    EXPECT_LE(static_cast<double>(plan.arena_bytes), 1.15 * static_cast<double>(plan.largest_live_bytes)) << round;
  }
}

TEST(PlanMemory, PlansTensOfThousandsOfBuffers) {
  std::mt19937 random(3);
  const std::vector<Buffer> buffers = residual_network(random, 50'000);
  const MemoryPlan plan = plan_memory(buffers);
  EXPECT_TRUE(check_memory_plan(buffers, plan).ok());
  EXPECT_LE(static_cast<double>(plan.arena_bytes), 2.0 * static_cast<double>(plan.largest_live_bytes));
}

TEST(CheckMemoryPlan, FindsEveryKindOfMistake) {
  const std::vector<Buffer> buffers = {buffer(100, 0, 1), buffer(100, 1, 2), buffer(100, 2, 2)};
  const auto check = [&](std::vector<uint64_t> offsets, uint64_t arena) {
    const Status status = check_memory_plan(buffers, {std::move(offsets), arena, 256});
    return status.ok() ? std::string("ok") : status.error().message;
  };
  EXPECT_EQ(check({0, 128, 0}, 256), "ok");
  EXPECT_EQ(check({0, 64, 0}, 256), "memory plan: buffers 0 and 1 overlap");
  EXPECT_EQ(check({128, 64, 256}, 512), "memory plan: buffers 1 and 0 overlap");
  EXPECT_EQ(check({0, 128, 128}, 256), "memory plan: buffers 1 and 2 overlap");
  EXPECT_EQ(check({0, 128, 192}, 512), "memory plan: buffers 1 and 2 overlap");
  EXPECT_EQ(check({0, 160, 0}, 512), "memory plan: buffer 1 is not aligned");
  EXPECT_EQ(check({0, 128, 0}, 200), "memory plan: buffer 1 leaves the arena");
  EXPECT_EQ(check({0, 1024, 0}, 256), "memory plan: buffer 1 leaves the arena");
  EXPECT_EQ(check({0, 128}, 256), "memory plan: has 2 offsets for 3 buffers");
}

}  // namespace
}  // namespace tegula::runtime
