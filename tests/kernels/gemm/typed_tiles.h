#pragma once
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/gemm/generated_tiles.h"
#include "kernels/gemm/tile_set.h"
#include "tests/support/emulated_machine.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels::test {

using Random = std::mt19937;

inline int64_t pick(Random& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}
inline bool one_in(Random& random, int64_t n) {
  return pick(random, 1, n) == 1;
}

/// Any bits: for integers, and for scratch and destinations that must not be trusted.
template <typename T>
void fill_bits(Random& random, tegula::test::GuardedBuffer<T>& buffer) {
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = static_cast<T>(random());
}

/// Whether bf16 products are added up by an instruction, which rounds its own way, rather than as fp32.
inline bool adds_its_own_way(const TileSet& tiles) {
  return tiles.desc().isa == TileIsa::kAvx512Bf16 || tiles.desc().isa == TileIsa::kAmxBf16;
}

/// The implementations that a case runs in, such as tiles_of.
using TileSets = std::vector<TileSetPtr> (*)(const TileTypes&, const EpilogueDesc&);

/// Tiles of every implementation that has these types and runs here, or is emulated; those of AVX-VNNI in the encoding
/// of AVX-512.
inline std::vector<TileSetPtr> tiles_of(const TileTypes& types, const EpilogueDesc& epilogue) {
  const jit::CpuFeatures& cpu = tegula::test::emulated_machine();
  std::vector<TileSetPtr> sets;
  const auto add = [&](bool runs, TileIsa isa) {
    if (!runs) return;
    auto tiles = isa == TileIsa::kAvx2Vnni && !cpu.avx_vnni ? generate_tiles_with_evex_dots({isa, epilogue, types})
                                                            : build_tiles({isa, epilogue, types});
    EXPECT_TRUE(tiles.ok()) << tiles.error().message;
    if (tiles.ok()) sets.push_back(*tiles);
  };
  add(true, TileIsa::kPlain);
  add(cpu.avx2, TileIsa::kAvx2);
  add(cpu.avx512, TileIsa::kAvx512);
  if (types.integer()) {
    add(cpu.avx_vnni || cpu.avx512_vnni, TileIsa::kAvx2Vnni);
    add(cpu.avx512_vnni, TileIsa::kAvx512Vnni);
    add(cpu.amx_int8, TileIsa::kAmxInt8);
  } else if (!types.weight_only()) {
    add(cpu.avx512_bf16, TileIsa::kAvx512Bf16);
    add(cpu.amx_bf16, TileIsa::kAmxBf16);
  }
  return sets;
}

}  // namespace tegula::kernels::test
