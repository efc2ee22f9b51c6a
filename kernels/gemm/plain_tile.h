#pragma once
#include "kernels/gemm/tile_set.h"

namespace tegula::kernels {

/// The tiles in plain loops: what runs where no vector extension may be used. kUnsupported as check_epilogue.
Result<TileSetPtr> build_plain_tiles(const TileSetDesc& desc);

}  // namespace tegula::kernels
