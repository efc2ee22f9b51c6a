#include <gtest/gtest.h>

#include "kernels/gemm/packed_size.h"
#include "schema/base/shape.h"

namespace tegula::kernels {
namespace {

TEST(PackedSize, PadsColumnsToPanelsAndGroupsToEqualTiles) {
  // f32: K as it is, N to 16.
  EXPECT_EQ(packed_bytes(Packing::kN16K1, DType::kF32, Dims{7, 17}), 2 * 7 * 64);
  // s8: 70 k are 18 groups, which are stored as 2 tiles of 9.
  EXPECT_EQ(packed_bytes(Packing::kN16K4, DType::kS8, Dims{70, 16}), 18 * 64);
  // bf16: 34 k are 17 groups; tiles of 9 make that 18.
  EXPECT_EQ(packed_bytes(Packing::kN16K2, DType::kBF16, Dims{34, 1}), 18 * 64);
  EXPECT_EQ(packed_bytes(Packing::kN16K4, DType::kS8, Dims{3, 64, 32}), 3 * 2 * 16 * 64);
  EXPECT_EQ(packed_bytes(Packing::kDepthwise, DType::kF32, Dims{3, 3, 20}), 9 * 32 * 4);
  EXPECT_EQ(packed_bytes(Packing::kPlain, DType::kS64, Dims{3, 5}), 120);
  EXPECT_EQ(packed_bytes(Packing::kN16K1, DType::kF32, Dims{0, 17}), 0);
}

TEST(PackedSize, RefusesWhatNoPackerWrites) {
  EXPECT_EQ(packed_bytes(Packing::kN16K1, DType::kS8, Dims{4, 4}), std::nullopt);
  EXPECT_EQ(packed_bytes(Packing::kN16K4, DType::kF32, Dims{4, 4}), std::nullopt);
  EXPECT_EQ(packed_bytes(Packing::kN16K1, DType::kF32, Dims{4}), std::nullopt);
  EXPECT_EQ(packed_bytes(Packing::kDepthwise, DType::kF32, Dims{}), std::nullopt);
  EXPECT_EQ(packed_bytes(Packing::kPlain, DType::kF32, Dims{-1, 4}), std::nullopt);
  EXPECT_EQ(packed_bytes(Packing::kPlain, DType::kF64, Dims{int64_t{1} << 40, int64_t{1} << 23}), std::nullopt);
  EXPECT_EQ(packed_bytes(Packing::kN16K1, DType::kF32, Dims{int64_t{1} << 31, 16}), std::nullopt);
  EXPECT_EQ(packed_bytes(Packing::kN16K1, DType::kF32, Dims{1 << 30, 1 << 30, 1 << 30}), std::nullopt);
}

TEST(PackedSize, StoredGroupsAreNeverFewerNorMoreThanOneTileRowEach) {
  for (int64_t groups = 1; groups < 2000; ++groups) {
    const int64_t stored = stored_k_groups(Packing::kN16K4, groups), tiles = (groups + 15) / 16;
    EXPECT_GE(stored, groups);
    EXPECT_LT(stored, groups + tiles);
    EXPECT_EQ(stored_k_groups(Packing::kN16K1, groups), groups);
  }
}

}  // namespace
}  // namespace tegula::kernels
