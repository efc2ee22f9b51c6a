#pragma once
#include <gtest/gtest.h>

#include <vector>

#include "kernels/gemm/tile_set.h"
#include "tests/support/amx_emulator.h"

namespace tegula::kernels::test {

/// Of code on AMX tiles: runs on a machine with AMX, or emulated.
class AmxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!emulator_.features().amx_bf16) GTEST_SKIP() << "no AVX-512 VNNI and BF16 on this machine";
  }
  void TearDown() override { EXPECT_FALSE(HasFailure()) << (emulator_.emulates() ? "emulated" : "native"); }

  tegula::test::AmxEmulator emulator_;
};

/// The implementation on AMX tiles that has these types.
inline std::vector<TileSetPtr> amx_tiles_of(const TileTypes& types, const EpilogueDesc& epilogue) {
  auto tiles = build_tiles({types.integer() ? TileIsa::kAmxInt8 : TileIsa::kAmxBf16, epilogue, types});
  EXPECT_TRUE(tiles.ok()) << tiles.error().message;
  return {*tiles};
}

}  // namespace tegula::kernels::test
