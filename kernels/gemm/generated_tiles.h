#pragma once
#include "kernels/gemm/tile_set.h"

namespace tegula::kernels {

/// Tiles in generated code, for AVX-512 or AVX2. kUnsupported when the epilogue is none that the tiles can compute.
Result<TileSetPtr> generate_tiles(const TileSetDesc& desc);

}  // namespace tegula::kernels
