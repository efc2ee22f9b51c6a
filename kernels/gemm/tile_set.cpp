#include "kernels/gemm/tile_set.h"

#include "kernels/gemm/generated_tiles.h"
#include "kernels/gemm/plain_tile.h"

namespace tegula::kernels {
namespace {

constexpr TileIsa avx512 = TileIsa::kAvx512, avx2 = TileIsa::kAvx2, plain = TileIsa::kPlain;

/// What the CPU must have; nullptr: nothing.
constexpr bool jit::CpuFeatures::* needs_of(TileIsa isa) {
  return isa == avx512 ? &jit::CpuFeatures::avx512 : isa == avx2 ? &jit::CpuFeatures::avx2 : nullptr;
}

struct Row {
  TileIsa isa;
  bool jit::CpuFeatures::* needs;
  Result<TileSetPtr> (*build)(const TileSetDesc& desc);
};

constexpr Row kRows[] = {
#define TEGULA_KERNEL(op, isa, packing, builder) {isa, needs_of(isa), &builder},
#include "kernels/kernels.inc"
#undef TEGULA_KERNEL
};

}  // namespace

std::string TileSetDesc::name() const {
  return concat("gemm_f32_", name_of(isa), "_", epilogue.name());
}

Result<TileSetPtr> build_tiles(const TileSetDesc& desc) {
  for (const Row& row : kRows)
    if (row.isa == desc.isa) return row.build(desc);
  return Error{ErrorCode::kInternal, concat(desc.name(), ": kernels.inc has no row for it")};
}

Result<TileChoice> choose_tiles(const EpilogueDesc& desc, const jit::CpuFeatures& cpu) {
  TEGULA_RETURN_IF_ERROR(check_epilogue(desc));
  TileChoice choice;
  for (const Row& row : kRows) {
    choice.isa = row.isa;
    if (row.needs == nullptr || cpu.*row.needs) break;
    choice.declined.push_back(concat(name_of(row.isa), " declined: not among the features ", cpu.to_string()));
  }
  return choice;
}

}  // namespace tegula::kernels
