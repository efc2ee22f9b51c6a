#include "kernels/gemm/pack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace tegula::kernels {
namespace {

/// Where an element of a run belongs, from the description of the layout alone.
int64_t place(const PackedMatrix& m, int64_t tap, int64_t k, int64_t n) {
  const int64_t row = (n / 16 * m.taps + tap) * m.rows_per_tap() + k / m.group();
  return (row * 16 + n % 16) * m.group() + k % m.group();
}

TEST(PackedMatrix, PadsTheGroupsOfKToTilesOfEqualHeight) {
  const auto rows = [](Packing packing, int64_t k) { return PackedMatrix{packing, 1, k, 16}.rows_per_tap(); };
  EXPECT_EQ(rows(Packing::kN16K1, 37), 37);
  EXPECT_EQ(rows(Packing::kN16K4, 64), 16);
  EXPECT_EQ(rows(Packing::kN16K4, 65), 18);  // 17 groups: two tiles of 9
  EXPECT_EQ(rows(Packing::kN16K4, 1), 1);
  EXPECT_EQ(rows(Packing::kN16K4, 0), 0);
  EXPECT_EQ(rows(Packing::kN16K2, 147), 75);  // 74 groups: five tiles of 15
}

TEST(PackedMatrix, SizesThatOverflowAreNoSizes) {
  EXPECT_EQ((PackedMatrix{Packing::kN16K1, 9, 64, 17}.checked_bytes()), 2 * 9 * 64 * 64);
  EXPECT_FALSE((PackedMatrix{Packing::kN16K1, 1, int64_t{1} << 40, int64_t{1} << 40}.checked_bytes()));
  EXPECT_FALSE((PackedMatrix{Packing::kN16K4, 1, INT64_MAX, 1}.checked_bytes()));
  EXPECT_FALSE((PackedMatrix{Packing::kN16K1, 1, -1, 1}.checked_bytes()));
  EXPECT_FALSE((PackedConv{.groups = 4, .groups_per_block = 3}.checked_bytes()));
  EXPECT_FALSE((PackedConv{.oc_per_group = INT64_MAX, .ic_per_group = 3}.checked_bytes()));
  EXPECT_FALSE((PackedDepthwise{INT64_MAX, 9, 4}.checked_bytes()));
  EXPECT_EQ((PackedDepthwise{17, 9, 4}.checked_bytes()), 2 * 9 * 64);
}

template <typename T>
void expect_packed(Packing packing, int64_t k, int64_t n, bool transposed) {
  const PackedMatrix matrix{packing, 1, k, n};
  std::vector<T> src(static_cast<std::size_t>(k * n));
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<T>(i % 120 + 1);
  const MatrixStrides strides = transposed ? MatrixStrides{0, 1, k} : MatrixStrides{0, n, 1};
  std::vector<T> packed(static_cast<std::size_t>(matrix.bytes()) / sizeof(T), static_cast<T>(99));
  pack_matrix(matrix, strides, src.data(), packed.data());

  std::vector<T> expected(packed.size(), T{0});
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j) expected[place(matrix, 0, i, j)] = src[i * strides.k + j * strides.n];
  EXPECT_EQ(packed, expected) << "k=" << k << " n=" << n;
}

TEST(PackMatrix, PlacesEveryElementAndZeroesTheRest) {
  for (const bool transposed : {false, true}) {
    for (const int64_t k : {0, 1, 3, 4, 63, 65, 130}) {
      for (const int64_t n : {1, 15, 16, 17, 33}) {
        expect_packed<float>(Packing::kN16K1, k, n, transposed);
        expect_packed<uint16_t>(Packing::kN16K2, k, n, transposed);
        expect_packed<int8_t>(Packing::kN16K4, k, n, transposed);
      }
    }
  }
}

template <typename T>
void expect_packed(const PackedConv& conv) {
  const int64_t positions = conv.kernel_d * conv.kernel_h * conv.kernel_w;
  const int64_t oc = conv.groups * conv.oc_per_group;
  std::vector<T> src(static_cast<std::size_t>(oc * conv.ic_per_group * positions));
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<T>(i % 120 + 1);
  std::vector<T> packed(static_cast<std::size_t>(conv.bytes()) / sizeof(T), static_cast<T>(99));
  pack_conv(conv, src.data(), packed.data());

  const PackedMatrix block = conv.block();
  const int64_t block_elements = block.bytes() / block.element_bytes();
  std::vector<T> expected(packed.size(), T{0});
  for (int64_t o = 0; o < oc; ++o) {
    const int64_t group = o / conv.oc_per_group, within = group % conv.groups_per_block;
    for (int64_t c = 0; c < conv.ic_per_group; ++c) {
      for (int64_t p = 0; p < positions; ++p) {
        const int64_t channel = within * conv.ic_per_group + c;
        const int64_t tap = conv.row_taps() ? p / conv.kernel_w : p;
        const int64_t k = conv.row_taps() ? p % conv.kernel_w * conv.ic_per_group + c : channel;
        const int64_t n = within * conv.oc_per_group + o % conv.oc_per_group;
        expected[group / conv.groups_per_block * block_elements + place(block, tap, k, n)] =
            src[(o * conv.ic_per_group + c) * positions + p];
      }
    }
  }
  EXPECT_EQ(packed, expected);
}

TEST(PackConv, PlacesEveryElementAndZeroesTheRest) {
  for (const Packing packing : {Packing::kN16K1, Packing::kN16K2, Packing::kN16K4}) {
    for (const PackedConv& conv : {
             PackedConv{packing, 1, 1, 20, 5, 1, 3, 3},
             PackedConv{packing, 1, 1, 20, 3, 1, 7, 5},  // taps are kernel rows
             PackedConv{packing, 1, 1, 16, 8, 2, 2, 3},  // 3-D
             PackedConv{packing, 4, 1, 24, 6, 1, 3, 3},  // groups by themselves
             PackedConv{packing, 8, 4, 4, 6, 1, 3, 3},   // two blocks of four groups
             PackedConv{packing, 1, 1, 1, 1, 1, 1, 1},
         }) {
      switch (packing) {
        case Packing::kN16K1: expect_packed<float>(conv); break;
        case Packing::kN16K2: expect_packed<uint16_t>(conv); break;
        default: expect_packed<int8_t>(conv);
      }
    }
  }
}

TEST(PackConv, HasTheSizeThatTheFileFormatGivesItsDimensions) {
  for (const Packing packing : {Packing::kN16K1, Packing::kN16K2, Packing::kN16K4}) {
    const PackedConv conv{packing, 8, 4, 4, 35, 1, 3, 3};
    const PackedMatrix block = conv.block();
    const int64_t dims[] = {conv.blocks(), block.taps, block.k, block.n};
    const DType dtype = packing == Packing::kN16K1   ? DType::kF32
                        : packing == Packing::kN16K2 ? DType::kBF16
                                                     : DType::kS8;
    EXPECT_EQ(packed_bytes(packing, dtype, dims), conv.bytes());
  }
}

TEST(PackConv, RowTapsAndPositionsAreTheSameBytesInFp32) {
  const PackedConv rows{Packing::kN16K1, 1, 1, 16, 3, 1, 3, 3};
  ASSERT_TRUE(rows.row_taps());
  PackedMatrix by_position = rows.block();
  by_position.taps = 9;
  by_position.k = 3;
  std::vector<float> src(16 * 3 * 9), a(src.size()), b(src.size());
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<float>(i);
  pack_conv(rows, src.data(), a.data());
  pack_matrix(by_position, {1, 9, 27}, src.data(), b.data());
  EXPECT_EQ(a, b);
}

TEST(PackDepthwise, GivesEachTapSixteenChannels) {
  const PackedDepthwise depthwise{18, 9, 4};
  std::vector<float> src(18 * 9), packed(static_cast<std::size_t>(depthwise.bytes()) / 4, 99.0f);
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<float>(i + 1);
  pack_depthwise(depthwise, src.data(), packed.data());
  std::vector<float> expected(packed.size(), 0.0f);
  for (int c = 0; c < 18; ++c)
    for (int tap = 0; tap < 9; ++tap) expected[(c / 16 * 9 + tap) * 16 + c % 16] = src[c * 9 + tap];
  EXPECT_EQ(packed, expected);
}

}  // namespace
}  // namespace tegula::kernels
