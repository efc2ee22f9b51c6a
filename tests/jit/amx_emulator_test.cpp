#include "tests/support/amx_emulator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "jit/generator.h"
#include "jit/tile_palette.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/register_check.h"

namespace tegula::test {
namespace {

using jit::TilePalette;

struct Args {
  const TilePalette* palette;
  const uint8_t* a;  ///< 16 rows, `stride` bytes apart
  const int8_t* b;   ///< 16 rows of 64 bytes
  int32_t* c;        ///< 16 x 16
  int64_t stride;
  int32_t* vector;  ///< what zmm31 held behind the tiles
};

TilePalette full_palette() {
  TilePalette palette;
  for (int tile = 0; tile < 3; ++tile) palette.rows[tile] = 16, palette.row_bytes[tile] = 64;
  return palette;
}

/// c = a * b, by tiles, between a store of zmm31 and its use.
class Product final : public jit::Generator {
 public:
  explicit Product(bool release = true) : Generator("product", 4096) {
    enter();
    mov(r12, ptr[args_ + offsetof(Args, palette)]);
    ldtilecfg(ptr[r12]);
    mov(r13, ptr[args_ + offsetof(Args, a)]);
    mov(r14, ptr[args_ + offsetof(Args, stride)]);
    mov(rbx, ptr[args_ + offsetof(Args, b)]);
    mov(eax, 64);
    mov(ecx, 77);
    vpbroadcastd(zmm31, ecx);
    tilezero(tmm0);
    tileloadd(tmm1, ptr[r13 + r14]);
    tileloaddt1(tmm2, ptr[rbx + rax]);
    tdpbusd(tmm0, tmm1, tmm2);
    mov(rdx, ptr[args_ + offsetof(Args, c)]);
    sub(rdx, 128);
    tilestored(ptr[rdx + rax + 128], tmm0);
    mov(rdx, ptr[args_ + offsetof(Args, vector)]);
    vmovdqu32(ptr[rdx], zmm31);
    if (release) tilerelease();
    leave();
    call = finish<void (*)(const Args*)>();
  }
  void (*call)(const Args*) = nullptr;
};

class AmxEmulatorTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!emulator_.features().amx_int8) GTEST_SKIP() << "no AVX-512 VNNI";
  }
  AmxEmulator emulator_;
};

/// Whether a product of operands that depend on `seed` is right.
bool multiplies(const Product& product, int seed) {
  constexpr int64_t kStride = 80;
  GuardedBuffer<uint8_t> a(15 * kStride + 64);
  GuardedBuffer<int8_t> b(1024);
  GuardedBuffer<int32_t> c(256), vector(16);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<uint8_t>(i * 31 + static_cast<std::size_t>(seed));
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<int8_t>(i * 17 + static_cast<std::size_t>(seed));
  const TilePalette palette = full_palette();
  const Args args{&palette, a.data(), b.data(), c.data(), kStride, vector.data()};
  product.call(&args);
  for (std::size_t m = 0; m < 16; ++m) {
    for (std::size_t n = 0; n < 16; ++n) {
      int32_t sum = 0;
      for (std::size_t k = 0; k < 64; ++k) sum += a[m * kStride + k] * b[k / 4 * 64 + 4 * n + k % 4];
      if (c[16 * m + n] != sum) return false;
    }
  }
  for (std::size_t i = 0; i < 16; ++i)
    if (vector[i] != 77) return false;
  return true;
}

TEST_F(AmxEmulatorTest, RunsGeneratedCode) {
  const Product product;
  const long before = AmxEmulator::instructions();
  EXPECT_TRUE(multiplies(product, 1));
  EXPECT_EQ(AmxEmulator::instructions() - before, emulator_.emulates() ? 7 : 0);
  EXPECT_FALSE(AmxEmulator::tiles_in_use());
}

TEST_F(AmxEmulatorTest, KeepsRegisters) {
  const Product product;
  GuardedBuffer<uint8_t> a(1024);
  GuardedBuffer<int8_t> b(1024);
  GuardedBuffer<int32_t> c(256), vector(16);
  const TilePalette palette = full_palette();
  const Args args{&palette, a.data(), b.data(), c.data(), 64, vector.data()};
  const auto call = reinterpret_cast<TwoPointerFunction>(reinterpret_cast<uintptr_t>(product.call));
  EXPECT_TRUE(preserves_registers(call, &args, nullptr));
}

TEST_F(AmxEmulatorTest, ThreadsHaveTilesOfTheirOwn) {
  const Product product, without_release(false);
  EXPECT_TRUE(multiplies(without_release, 0));
  std::vector<std::thread> threads;
  std::vector<char> good(4, 0);
  for (std::size_t i = 0; i < good.size(); ++i)
    threads.emplace_back([&, i] {
      good[i] = !AmxEmulator::tiles_in_use();
      for (int turn = 0; turn < 50; ++turn) good[i] = good[i] && multiplies(product, static_cast<int>(i) * 50 + turn);
    });
  for (std::thread& thread : threads) thread.join();
  for (const char each : good) EXPECT_TRUE(each);
  EXPECT_TRUE(AmxEmulator::tiles_in_use());
  EXPECT_TRUE(multiplies(product, 0));
  EXPECT_FALSE(AmxEmulator::tiles_in_use());
}

TEST_F(AmxEmulatorTest, FaultsAreTold) {
  if (!emulator_.emulates()) GTEST_SKIP() << "real tiles fault";
  const Product product;
  GuardedBuffer<uint8_t> a(1024);
  GuardedBuffer<int8_t> b(1024);
  GuardedBuffer<int32_t> c(256), vector(16);
  TilePalette palette = full_palette();
  palette.rows[2] = 15;
  const Args args{&palette, a.data(), b.data(), c.data(), 64, vector.data()};
  product.call(&args);
  EXPECT_EQ(emulator_.take_fault(), "#UD, A and B differ in depth");
  EXPECT_EQ(emulator_.take_fault(), "");
}

using AmxEmulatorDeathTest = AmxEmulatorTest;

TEST_F(AmxEmulatorDeathTest, OtherInstructionsStayIllegal) {
  EXPECT_DEATH(__builtin_trap(), "");
}

}  // namespace
}  // namespace tegula::test
