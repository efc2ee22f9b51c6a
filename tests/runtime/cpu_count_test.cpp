// How many threads an instance takes by itself: cores, and the quotas of control groups, from files as the kernel
// shows.
#include "runtime/threading/cpu_count.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include "runtime/threading/cgroup_quota.h"
#include "tests/runtime/run_program.h"
#include "tests/support/temporary_folder.h"

namespace tegula::runtime {
namespace {

constexpr const char* kV2Mount = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kV1Mount = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n";

/// A system of its own: /proc and /sys below a folder.
class CpuCount : public ::testing::Test {
 protected:
  void process(std::string_view groups, std::string_view mounts) {
    root_.write("proc/self/cgroup", groups);
    root_.write("proc/self/mountinfo", mounts);
  }
  void core(std::vector<int> cpus, std::string_view siblings) {
    for (const int cpu : cpus)
      root_.write(concat("sys/devices/system/cpu/cpu", cpu, "/topology/thread_siblings_list"), siblings);
  }
  std::optional<double> quota() const { return cgroup_cpu_quota(root_.path()); }
  int threads(std::vector<int> allowed) const { return default_threads(allowed, root_.path()); }

  test::TemporaryFolder root_;
};

TEST_F(CpuCount, NoControlGroupIsNoQuota) {
  EXPECT_EQ(quota(), std::nullopt);
  process("0::/\n", kV2Mount);
  EXPECT_EQ(quota(), std::nullopt) << "the root group has no cpu.max";
  root_.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuCount, V2TakesTheSmallestOnTheWayUp) {
  process("0::/system.slice/service.scope\n", kV2Mount);
  root_.write("sys/fs/cgroup/system.slice/service.scope/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 4.0);
  root_.write("sys/fs/cgroup/system.slice/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota(), 2.5);
  root_.write("sys/fs/cgroup/system.slice/service.scope/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
  root_.write("sys/fs/cgroup/other.slice/cpu.max", "1000 100000\n");
  EXPECT_EQ(quota(), 0.5) << "another group's";
}

TEST_F(CpuCount, V1ReadsTheCpuController) {
  process("5:memory:/docker/abc\n3:cpuacct,cpu:/docker/abc\n2:cpuset:/docker/abc\n", kV1Mount);
  root_.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
  root_.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  root_.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CpuCount, ContainersSeeTheirGroupAsTheMount) {
  // The host's path of the group is the root of the mount; nothing lies below it.
  process("3:cpu,cpuacct:/docker/abc\n",
          "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro,relatime master:12 - cgroup cgroup rw,cpu,cpuacct\n");
  root_.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
  root_.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 3.0);
  // A group of its own name space, shown relative to another's root.
  process("0::/../../user.slice\n", kV2Mount);
  root_.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2.0);
}

TEST_F(CpuCount, BothVersionsCount) {
  process("1:cpu:/a\n0::/b\n", concat("32 31 0:29 / /cg/v1\\040cpu rw - cgroup cgroup rw,cpu\n",
                                      "33 31 0:30 / /cg/v2 rw - cgroup2 cgroup2 rw\n"));
  root_.write("cg/v1 cpu/a/cpu.cfs_quota_us", "700000\n");
  root_.write("cg/v1 cpu/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 7.0);
  root_.write("cg/v2/b/cpu.max", "600000 100000\n");
  EXPECT_EQ(quota(), 6.0);
}

TEST_F(CpuCount, BrokenFilesAreNoQuota) {
  process("nonsense\n:\n0::/\n", concat("short line\n", "1 2 3 - cgroup2\n", kV2Mount));
  for (const char* text : {"", "\n", "many", "100000", "100000 0", "-5 100000", "0 100000"}) {
    root_.write("sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
}

TEST_F(CpuCount, OneThreadForEachCore) {
  core({0, 4}, "0,4\n");
  core({1, 5}, "1,5\n");
  EXPECT_EQ(threads({0, 1, 4, 5}), 2);
  EXPECT_EQ(threads({0, 4}), 1) << "two siblings of one core";
  EXPECT_EQ(threads({5}), 1);
  EXPECT_EQ(threads({0, 5}), 2);
  EXPECT_EQ(threads({0, 1, 4, 5, 6, 7}), 4) << "CPUs without a topology are cores";
  EXPECT_GE(threads({}), 1);
}

TEST_F(CpuCount, QuotasLimitThreadsToWholeCpus) {
  process("0::/\n", kV2Mount);
  const auto with = [&](std::string_view cpu_max) {
    root_.write("sys/fs/cgroup/cpu.max", cpu_max);
    return threads({0, 1, 2, 3, 4, 5, 6, 7});
  };
  EXPECT_EQ(with("max 100000"), 8);
  EXPECT_EQ(with("300000 100000"), 3);
  EXPECT_EQ(with("390000 100000"), 3) << "a fourth would be stopped for most of each period";
  EXPECT_EQ(with("50000 100000"), 1);
  EXPECT_EQ(with("90000000 100000"), 8);
}

TEST(AllowedCpus, FollowTheAffinityMask) {
  const std::vector<int> all = allowed_cpus();
  ASSERT_FALSE(all.empty());
  std::thread([&all] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(all.back()), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(allowed_cpus(), std::vector<int>{all.back()});
    test::ProgramBuilder b;
    const auto n = b.symbol("n", 1, 4);
    const int32_t x = b.input("x", DType::kF32, {n, 2}), y = b.output("y", DType::kF32, {2, n});
    schema::TransposeT transpose;
    transpose.perm = {1, 0};
    b.step(std::move(transpose), {x}, {y});
    const auto file = b.file();
    EXPECT_EQ(test::make_instance(test::open_program(file), 0).threads(), 1);
  }).join();
}

}  // namespace
}  // namespace tegula::runtime
