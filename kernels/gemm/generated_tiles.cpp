#include "kernels/gemm/generated_tiles.h"

#include <exception>

#include "kernels/gemm/tile_generator.h"

namespace tegula::kernels {
namespace {

class GeneratedTiles final : public TileSet {
 public:
  GeneratedTiles(const TileSetDesc& desc, bool evex_dots) : TileSet(desc), code_(desc_, evex_dots) {
    heights_ = code_.heights();
    for (const int panels : {1, 2, 4})
      for (int rows = 1; rows <= heights_.of(panels); ++rows)
        entries_[static_cast<std::size_t>(panels / 2)][static_cast<std::size_t>(rows)] = {code_.function(rows, panels),
                                                                                          nullptr};
  }

 private:
  TileGenerator code_;
};

Result<TileSetPtr> generate(const TileSetDesc& desc, bool evex_dots) {
  TEGULA_RETURN_IF_ERROR(check_tiles(desc.types, desc.epilogue));
  TEGULA_CHECK(desc.isa != TileIsa::kPlain, "plain tiles are not generated");
  try {
    return TileSetPtr(std::make_shared<GeneratedTiles>(desc, evex_dots));
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInternal, concat(desc.name(), ": ", error.what())};
  }
}

}  // namespace

Result<TileSetPtr> generate_tiles(const TileSetDesc& desc) {
  return generate(desc, false);
}

Result<TileSetPtr> generate_tiles_with_evex_dots(const TileSetDesc& desc) {
  return generate(desc, true);
}

}  // namespace tegula::kernels
