#pragma once
#include <string>

#include "kernels/gemm/tile_set.h"

namespace tegula::kernels {

/// Why vectors are no slower than AMX for a product of this depth: "K=12 < 32". "" when AMX pays.
std::string amx_refusal(const TileTypes& types, const TileDepth& depth);

/// Sums on AMX tiles, 32 rows by 2 panels. A tile's sums wait in 4 KiB of scratch until their results are computed, in
/// AVX-512 code between the products of the next tile. Products whose depth amx_refusal names, and integer tiles of
/// very few rows, are computed by vectors altogether; which of the two depends on nothing that the split into blocks
/// changes where bits could differ. kUnsupported as check_tiles.
Result<TileSetPtr> generate_amx_tiles(const TileSetDesc& desc);

}  // namespace tegula::kernels
