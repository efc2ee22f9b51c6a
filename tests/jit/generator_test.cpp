#include "jit/generator.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace tegula::jit {
namespace {

/// Returns its argument plus 1, with every register that a callee must preserve overwritten between.
class AddOne final : public Generator {
 public:
  explicit AddOne(int stack_bytes) : Generator("add/one", 4096) {
    enter(stack_bytes);
    for (const Xbyak::Reg64& preserved : {rbx, r12, r13, r14, r15}) mov(preserved, 77);
    if (stack_bytes > 0) mov(qword[rsp + stack_bytes - 8], rdi);
    if (stack_bytes == 0) mov(rbp, 77);
    lea(rax, ptr[rdi + 1]);
    leave();
    call = finish<int64_t (*)(int64_t)>();
  }
  int64_t (*call)(int64_t) = nullptr;
};

TEST(Generator, KeepsCalleeSavedRegisters) {
  for (const int stack_bytes : {0, 8, 64, 200}) {
    const AddOne kernel(stack_bytes);
    int64_t sum = 0;
    for (int64_t i = 0; i < 10; ++i) sum += kernel.call(i);  // the loop lives in preserved registers
    EXPECT_EQ(sum, 55) << stack_bytes;
  }
}

class TooLong final : public Generator {
 public:
  TooLong() : Generator("too_long", 4096) {
    for (int i = 0; i < 5000; ++i) nop();
    finish<void (*)()>();
  }
};

TEST(Generator, CodeThatDoesNotFitIsAnError) {
  EXPECT_THROW(TooLong{}, Xbyak::Error);
}

class Constants final : public Generator {
 public:
  explicit Constants(VectorIsa isa) : Generator("constants") {
    const uint32_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    if (isa == VectorIsa::kAvx512) {
      vmovdqu32(zmm0, table(lanes));
      vpaddd(zmm0, zmm0, constant(isa, 100));
      vpaddd(zmm0, zmm0, constant(isa, 1000));
      vpaddd(zmm0, zmm0, constant(isa, 100));
      vmovdqu32(ptr[args_], zmm0);
    } else {
      vmovdqu(ymm0, table(lanes));
      vpaddd(ymm0, ymm0, constant(isa, 100));
      vpbroadcastd(ymm1, constant_dword(isa, 1000));
      vpaddd(ymm0, ymm0, ymm1);
      vpaddd(ymm0, ymm0, constant(isa, 100));
      vmovdqu(ptr[args_], ymm0);
    }
    leave();
    call = finish<void (*)(uint32_t*)>();
  }
  void (*call)(uint32_t*) = nullptr;
};

TEST(Generator, ConstantsLieBehindTheCode) {
  for (const VectorIsa isa : {VectorIsa::kAvx2, VectorIsa::kAvx512}) {
    const Constants kernel(isa);
    if (!has(CpuFeatures::detect(), isa)) continue;
    uint32_t out[16] = {};
    kernel.call(out);
    for (int i = 0; i < lanes_of(isa); ++i) EXPECT_EQ(out[i], 1200U + static_cast<uint32_t>(i)) << name_of(isa);
  }
}

/// The access rights of the mapping that holds `address`: "r-xp".
std::string rights_of(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0, end = 0;
    char rights[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights) != 3) continue;
    const auto at = reinterpret_cast<uintptr_t>(address);
    if (at >= begin && at < end) return rights;
  }
  return "";
}

TEST(Generator, FinishedCodeIsNotWritable) {
  const AddOne kernel(0);
  EXPECT_EQ(rights_of(kernel.code().data()), "r-xp");
}

TEST(Generator, DumpsCodeUnderItsName) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tegula_dump_" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  ASSERT_EQ(setenv("TEGULA_DUMP_CODE", folder.c_str(), 1), 0);
  const AddOne kernel(0);
  unsetenv("TEGULA_DUMP_CODE");
  EXPECT_EQ(std::filesystem::file_size(folder / "add_one.bin"), kernel.code().size());
  std::filesystem::remove_all(folder);
}

TEST(Generator, AppearsInThePerfMap) {
  ASSERT_EQ(setenv("TEGULA_PERF_MAP", "1", 1), 0);
  const AddOne kernel(0);
  unsetenv("TEGULA_PERF_MAP");
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  std::ifstream map(path);
  std::string line;
  ASSERT_TRUE(std::getline(map, line));
  char expected[100];
  std::snprintf(expected, sizeof expected, "%lx %zx add/one", reinterpret_cast<uintptr_t>(kernel.code().data()),
                kernel.code().size());
  EXPECT_EQ(line, expected);
  std::filesystem::remove(path);
}

TEST(RegisterPool, RunningOutNamesThePurpose) {
  RegisterPool pool({1});
  const ScopedGpr a = pool.take("a");
  try {
    const ScopedGpr b = pool.take("b");
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("b"), std::string::npos);
  }
}

TEST(RegisterPool, RegistersComeBack) {
  RegisterPool pool({1, 2});
  {
    const ScopedGpr a = pool.take("a"), b = pool.take("b");
    EXPECT_NE(a.getIdx(), b.getIdx());
    EXPECT_EQ(pool.free_count(), 0U);
  }
  EXPECT_EQ(pool.free_count(), 2U);
}

}  // namespace
}  // namespace tegula::jit
