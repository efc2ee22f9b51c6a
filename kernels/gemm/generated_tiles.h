#pragma once
#include "kernels/gemm/tile_set.h"

namespace tegula::kernels {

/// Tiles in generated code, for the vector extension that the descriptor names. kUnsupported as check_tiles.
Result<TileSetPtr> generate_tiles(const TileSetDesc& desc);

/// The same, with vpdpbusd on ymm in the encoding of AVX-512 VNNI: runs the tiles of kAvx2Vnni on machines that have
/// the instruction in that encoding only. For tests.
Result<TileSetPtr> generate_tiles_with_evex_dots(const TileSetDesc& desc);

}  // namespace tegula::kernels
