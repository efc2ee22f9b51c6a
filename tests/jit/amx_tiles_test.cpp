#include "tests/support/amx_tiles.h"

#include <gtest/gtest.h>
#include <immintrin.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/support/guarded_buffer.h"

namespace tegula::test {
namespace {

using jit::TilePalette;

std::string text(AmxTiles::Fault fault) {
  return fault == nullptr ? "" : fault;
}

/// Tiles 0 (result), 1 (A) and 2 (B) of a product of rows x columns x groups, a group being four bytes.
TilePalette palette_of(int rows, int columns, int groups) {
  TilePalette palette;
  palette.rows[0] = palette.rows[1] = static_cast<uint8_t>(rows);
  palette.rows[2] = static_cast<uint8_t>(groups);
  palette.row_bytes[0] = palette.row_bytes[2] = static_cast<uint16_t>(4 * columns);
  palette.row_bytes[1] = static_cast<uint16_t>(4 * groups);
  return palette;
}

struct Operands {
  std::vector<std::byte> a, b, c;  ///< rows of 64 bytes, sixteen of them

  explicit Operands(std::mt19937& random) : a(1024), b(1024), c(1024) {
    for (auto* bytes : {&a, &b, &c})
      for (std::byte& byte : *bytes) byte = static_cast<std::byte>(random());
  }
  void load(AmxTiles& tiles) const {
    EXPECT_EQ(text(tiles.load(0, c.data(), 64)), "");
    EXPECT_EQ(text(tiles.load(1, a.data(), 64)), "");
    EXPECT_EQ(text(tiles.load(2, b.data(), 64)), "");
  }
};

template <typename T>
T at(const std::vector<std::byte>& bytes, int row, int index) {
  T value;
  std::memcpy(&value, bytes.data() + 64 * row + sizeof(T) * static_cast<std::size_t>(index), sizeof value);
  return value;
}

int64_t byte_value(const std::vector<std::byte>& bytes, int row, int index, bool is_signed) {
  return is_signed ? at<int8_t>(bytes, row, index) : at<uint8_t>(bytes, row, index);
}

TEST(AmxTiles, ProductsOfBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const int rows = 1 + static_cast<int>(random() % 16), columns = 1 + static_cast<int>(random() % 16);
    const int groups = 1 + static_cast<int>(random() % 16);
    const bool left = random() % 2 == 0, right = random() % 2 == 0;
    AmxTiles tiles;
    const TilePalette palette = palette_of(rows, columns, groups);
    ASSERT_EQ(text(tiles.load_config(&palette)), "");
    const Operands operands(random);
    operands.load(tiles);
    ASSERT_EQ(text(tiles.dot_bytes(0, 1, 2, left, right)), "");
    std::vector<std::byte> out = operands.c;
    ASSERT_EQ(text(tiles.store(0, out.data(), 64)), "");
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        int64_t sum = at<int32_t>(operands.c, m, n);
        if (m < rows && n < columns)
          for (int k = 0; k < 4 * groups; ++k)
            sum += byte_value(operands.a, m, k, left) * byte_value(operands.b, k / 4, 4 * n + k % 4, right);
        ASSERT_EQ(at<uint32_t>(out, m, n), static_cast<uint32_t>(sum)) << m << " " << n;
      }
    }
  }
}

float bf16_at(const std::vector<std::byte>& bytes, int row, int index) {
  return std::bit_cast<float>(static_cast<uint32_t>(at<uint16_t>(bytes, row, index)) << 16);
}

/// Numbers of moderate size, so that nothing overflows or becomes subnormal.
void make_moderate(std::vector<std::byte>& bytes, bool bf16, std::mt19937& random) {
  std::normal_distribution<float> normal;
  for (std::size_t i = 0; i < bytes.size(); i += bf16 ? 2 : 4) {
    const auto bits = std::bit_cast<uint32_t>(normal(random));
    if (bf16) {
      const auto high = static_cast<uint16_t>(bits >> 16);
      std::memcpy(&bytes[i], &high, 2);
    } else {
      std::memcpy(&bytes[i], &bits, 4);
    }
  }
}

TEST(AmxTiles, ProductsOfBf16SumEvenAndOddApart) {
  std::mt19937 random(2);
  for (int i = 0; i < 100; ++i) {
    const int rows = 1 + static_cast<int>(random() % 16), columns = 1 + static_cast<int>(random() % 16);
    const int groups = 1 + static_cast<int>(random() % 16);
    AmxTiles tiles;
    const TilePalette palette = palette_of(rows, columns, groups);
    ASSERT_EQ(text(tiles.load_config(&palette)), "");
    Operands operands(random);
    make_moderate(operands.a, true, random);
    make_moderate(operands.b, true, random);
    make_moderate(operands.c, false, random);
    operands.load(tiles);
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(saved | _MM_ROUND_TOWARD_ZERO);  // plays no part
    const AmxTiles::Fault fault = tiles.dot_bf16(0, 1, 2);
    EXPECT_EQ(_mm_getcsr(), saved | _MM_ROUND_TOWARD_ZERO);
    _mm_setcsr(saved);
    ASSERT_EQ(text(fault), "");
    std::vector<std::byte> out(1024);
    ASSERT_EQ(text(tiles.store(0, out.data(), 64)), "");
    for (int m = 0; m < rows; ++m) {
      for (int n = 0; n < columns; ++n) {
        float even = 0, odd = 0;
        for (int k = 0; k < groups; ++k) {
          even = std::fma(bf16_at(operands.a, m, 2 * k), bf16_at(operands.b, k, 2 * n), even);
          odd = std::fma(bf16_at(operands.a, m, 2 * k + 1), bf16_at(operands.b, k, 2 * n + 1), odd);
        }
        ASSERT_EQ(at<float>(out, m, n), at<float>(operands.c, m, n) + (even + odd)) << m << " " << n;
      }
    }
  }
}

/// c + a0 * b0 + a1 * b1 in one element.
float bf16_product(float c, float a0, float b0, float a1, float b1) {
  AmxTiles tiles;
  const TilePalette palette = palette_of(1, 1, 1);
  EXPECT_EQ(text(tiles.load_config(&palette)), "");
  const auto pair = [](float low, float high) {
    return std::bit_cast<uint32_t>(low) >> 16 | (std::bit_cast<uint32_t>(high) & 0xFFFF0000U);
  };
  const uint32_t a = pair(a0, a1), b = pair(b0, b1);
  EXPECT_EQ(text(tiles.load(0, reinterpret_cast<const std::byte*>(&c), 0)), "");
  EXPECT_EQ(text(tiles.load(1, reinterpret_cast<const std::byte*>(&a), 0)), "");
  EXPECT_EQ(text(tiles.load(2, reinterpret_cast<const std::byte*>(&b), 0)), "");
  EXPECT_EQ(text(tiles.dot_bf16(0, 1, 2)), "");
  float out = -1;
  EXPECT_EQ(text(tiles.store(0, reinterpret_cast<std::byte*>(&out), 0)), "");
  return out;
}

TEST(AmxTiles, SubnormalsOfBf16AreZero) {
  const float smallest = std::numeric_limits<float>::min();
  EXPECT_EQ(bf16_product(0, smallest / 2, 1024, 0, 0), 0);                                     // an operand
  EXPECT_EQ(bf16_product(0, smallest, 0.5f, 0, 0), 0);                                         // a product
  EXPECT_EQ(bf16_product(smallest / 2, 1, smallest, 0, 0), smallest);                          // what it is added to
  EXPECT_EQ(bf16_product(-1.5f * smallest, 1, smallest, 0, 0), 0);                             // a sum
  EXPECT_EQ(bf16_product(smallest, 1, smallest, 0, 0), 2 * smallest);                          // none of these
  EXPECT_EQ(bf16_product(1, 1e30f, 1e30f, -1e30f, 1e30f) == 1, false);                         // inf - inf
  EXPECT_TRUE(std::isnan(bf16_product(1, 0, std::numeric_limits<float>::quiet_NaN(), 0, 0)));  // zero times NaN
}

TEST(AmxTiles, TouchNoMoreMemoryThanTheirShape) {
  AmxTiles tiles;
  TilePalette palette;
  palette.rows[3] = 5;
  palette.row_bytes[3] = 12;
  ASSERT_EQ(text(tiles.load_config(&palette)), "");
  constexpr int64_t kStride = 20;
  GuardedBuffer<uint8_t> from(4 * kStride + 12), to(4 * kStride + 12);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<uint8_t>(i + 1), to[i] = 0;
  EXPECT_EQ(text(tiles.load(3, reinterpret_cast<const std::byte*>(from.data()), kStride)), "");
  EXPECT_EQ(text(tiles.store(3, reinterpret_cast<std::byte*>(to.data()), kStride)), "");
  for (std::size_t i = 0; i < from.size(); ++i) EXPECT_EQ(to[i], i % kStride < 12 ? from[i] : 0) << i;
}

TEST(AmxTiles, ZeroAndReconfiguringClear) {
  AmxTiles tiles;
  const TilePalette palette = palette_of(16, 16, 16);
  std::vector<std::byte> ones(1024, std::byte{1}), out(1024);
  const auto is_clear = [&](int tile) {
    EXPECT_EQ(text(tiles.store(tile, out.data(), 64)), "");
    return out == std::vector<std::byte>(1024);
  };
  ASSERT_EQ(text(tiles.load_config(&palette)), "");
  ASSERT_EQ(text(tiles.load(1, ones.data(), 64)), "");
  ASSERT_EQ(text(tiles.load(2, ones.data(), 64)), "");
  EXPECT_FALSE(is_clear(1));
  EXPECT_EQ(text(tiles.zero(1)), "");
  EXPECT_TRUE(is_clear(1));
  EXPECT_FALSE(is_clear(2));
  ASSERT_EQ(text(tiles.load_config(&palette)), "");
  EXPECT_TRUE(is_clear(2)) << "a second LDTILECFG clears";
}

TEST(AmxTiles, ConfigurationsComeBack) {
  AmxTiles tiles;
  TilePalette palette = palette_of(3, 4, 5), out;
  ASSERT_EQ(text(tiles.load_config(&palette)), "");
  EXPECT_EQ(text(tiles.store_config(&out)), "");
  EXPECT_EQ(std::memcmp(&out, &palette, sizeof out), 0);
  tiles.release();
  EXPECT_EQ(text(tiles.store_config(&out)), "");
  const std::vector<std::byte> nothing(sizeof out);
  EXPECT_EQ(std::memcmp(&out, nothing.data(), sizeof out), 0);
  palette.palette_id = 0;
  EXPECT_EQ(text(tiles.load_config(&palette)), "");
  EXPECT_NE(text(tiles.zero(0)), "");
}

TEST(AmxTiles, BadConfigurationsFault) {
  const auto fault_of = [](void (*damage)(TilePalette&)) {
    TilePalette palette = palette_of(16, 16, 16);
    damage(palette);
    AmxTiles tiles;
    return text(tiles.load_config(&palette));
  };
  EXPECT_EQ(fault_of([](TilePalette&) {}), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.palette_id = 2; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.reserved[13] = 1; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.rows[0] = 17; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.row_bytes[0] = 65; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.row_bytes[0] = 0; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.rows[0] = 0; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.rows[8] = 16, p.row_bytes[8] = 16; }), "");
}

TEST(AmxTiles, BadProductsFault) {
  const auto fault_of = [](void (*damage)(TilePalette&), int tile = 0, int left = 1, int right = 2) {
    TilePalette palette = palette_of(8, 8, 8);
    damage(palette);
    AmxTiles tiles;
    EXPECT_EQ(text(tiles.load_config(&palette)), "");
    const std::string bytes = text(tiles.dot_bytes(tile, left, right, false, true));
    EXPECT_EQ(bytes, text(tiles.dot_bf16(tile, left, right)));
    return bytes;
  };
  const auto as_is = [](TilePalette&) {};
  EXPECT_EQ(fault_of(as_is), "");
  EXPECT_NE(fault_of(as_is, 3, 1, 2), "") << "not configured";
  EXPECT_NE(fault_of(as_is, 1, 1, 2), "");
  EXPECT_NE(fault_of(as_is, 0, 2, 2), "");
  EXPECT_NE(fault_of(as_is, 2, 1, 2), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.rows[0] = 7; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.row_bytes[0] = 28; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.rows[2] = 7; }), "");
  EXPECT_NE(fault_of([](TilePalette& p) { p.row_bytes[1] = 34; }), "");
  AmxTiles unconfigured;
  EXPECT_NE(text(unconfigured.dot_bytes(0, 1, 2, true, true)), "");
  EXPECT_NE(text(unconfigured.load(0, nullptr, 64)), "");
}

}  // namespace
}  // namespace tegula::test
