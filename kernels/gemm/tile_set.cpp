#include "kernels/gemm/tile_set.h"

#include "kernels/gemm/generated_tiles.h"
#include "kernels/gemm/plain_tile.h"

namespace tegula::kernels {

std::string TileSetDesc::name() const {
  return concat("gemm_f32_", name_of(isa), "_", epilogue.name());
}

Result<TileSetPtr> build_tiles(const TileSetDesc& desc) {
  if (desc.isa != TileIsa::kPlain) return generate_tiles(desc);
  TEGULA_RETURN_IF_ERROR(check_epilogue(desc.epilogue));
  return make_plain_tiles(desc);
}

Result<TileChoice> choose_tiles(const EpilogueDesc& desc, const jit::CpuFeatures& cpu) {
  TEGULA_RETURN_IF_ERROR(check_epilogue(desc));
  TileChoice choice;
  if (cpu.avx512) {
    choice.isa = TileIsa::kAvx512;
    return choice;
  }
  choice.declined.push_back("avx512 declined: not among the features " + cpu.to_string());
  if (cpu.avx2) {
    choice.isa = TileIsa::kAvx2;
    return choice;
  }
  choice.declined.push_back("avx2 declined: not among the features " + cpu.to_string());
  return choice;
}

}  // namespace tegula::kernels
