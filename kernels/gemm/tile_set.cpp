#include "kernels/gemm/tile_set.h"

#include "kernels/gemm/amx_tiles.h"
#include "kernels/gemm/generated_tiles.h"
#include "kernels/gemm/plain_tile.h"

namespace tegula::kernels {
namespace {

constexpr TileIsa amx_int8 = TileIsa::kAmxInt8, amx_bf16 = TileIsa::kAmxBf16;
constexpr TileIsa avx512_bf16 = TileIsa::kAvx512Bf16, avx512_vnni = TileIsa::kAvx512Vnni, avx512 = TileIsa::kAvx512;
constexpr TileIsa avx2_vnni = TileIsa::kAvx2Vnni, avx2 = TileIsa::kAvx2, plain = TileIsa::kPlain;
constexpr Packing n16k1 = Packing::kN16K1, n16k2 = Packing::kN16K2, n16k4 = Packing::kN16K4;

// Why bf16 takes vdpbf16ps before widening: it does two products per lane, at the rate of an FMA on Zen 4 (measured:
// 237 GFLOP/s of it on registers beside 119 of FMAs; ResNet-50's convolutions 35.5 ms beside 72.5 ms in fp32) and at
// half of it on Xeons with AMX, where that is still the rate of FMAs without the instructions that widen.

/// What the CPU must have; nullptr: nothing.
constexpr bool jit::CpuFeatures::* needs_of(TileIsa isa) {
  switch (isa) {
    case TileIsa::kPlain: return nullptr;
    case TileIsa::kAvx2: return &jit::CpuFeatures::avx2;
    case TileIsa::kAvx512: return &jit::CpuFeatures::avx512;
    case TileIsa::kAvx2Vnni: return &jit::CpuFeatures::avx_vnni;
    case TileIsa::kAvx512Vnni: return &jit::CpuFeatures::avx512_vnni;
    case TileIsa::kAvx512Bf16: return &jit::CpuFeatures::avx512_bf16;
    case TileIsa::kAmxInt8: return &jit::CpuFeatures::amx_int8;
    case TileIsa::kAmxBf16: return &jit::CpuFeatures::amx_bf16;
  }
  return nullptr;
}

/// What stands in the first column of kernels.inc.
enum class TileOp : uint8_t { gemm, weight_only_gemm };

struct Row {
  TileOp op;
  TileIsa isa;
  Packing packing;
  bool jit::CpuFeatures::* needs;
  Result<TileSetPtr> (*build)(const TileSetDesc& desc);
};

constexpr Row kRows[] = {
#define TEGULA_KERNEL(op, isa, packing, builder) {TileOp::op, isa, packing, needs_of(isa), &builder},
#include "kernels/kernels.inc"
#undef TEGULA_KERNEL
};

bool computes(const Row& row, const TileTypes& types) {
  return row.packing == types.packing() && (row.op == TileOp::weight_only_gemm) == types.weight_only();
}

}  // namespace

std::string TileSetDesc::name() const {
  return concat("gemm_", types.name(), "_", name_of(isa), "_", epilogue.name());
}

Status check_tiles(const TileTypes& types, const EpilogueDesc& epilogue) {
  TEGULA_RETURN_IF_ERROR(check_tile_types(types));
  if (types == kF32Product) return check_epilogue(epilogue);
  const auto refused = [&](std::string_view reason) {
    return Error{ErrorCode::kUnsupported, concat("product ", types.name(), " with ", epilogue.name(), ": ", reason)};
  };
  if (!types.integer() && epilogue.quantized != QuantizedSumDesc{}) return refused("only integer sums are requantized");
  if (types.integer() && epilogue.alpha) return refused("an integer sum has multipliers rather than alpha");
  if (types.weight_only() != (epilogue.weight_scale != WeightScale::kNone))
    return refused(types.weight_only() ? "weights of s8 need scales"
                                       : "only weights of s8 beside real sources have scales");
  if (types.dst == DType::kS32 && !epilogue.post_ops.empty()) return refused("post-ops compute in fp32");
  return check_typed_epilogue(epilogue);
}

Result<TileSetPtr> build_tiles(const TileSetDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_tiles(desc.types, desc.epilogue));
  for (const Row& row : kRows)
    if (row.isa == desc.isa && computes(row, desc.types)) return row.build(desc);
  return Error{ErrorCode::kUnsupported, concat(desc.name(), ": kernels.inc has no row for it")};
}

Result<TileChoice> choose_tiles(const EpilogueDesc& desc, const jit::CpuFeatures& cpu, const TileTypes& types,
                                const TileDepth* depth) {
  TEGULA_RETURN_IF_ERROR(check_tiles(types, desc));
  TileChoice choice;
  for (const Row& row : kRows) {
    if (!computes(row, types)) continue;
    choice.isa = row.isa;
    std::string reason;
    if (row.needs != nullptr && !(cpu.*row.needs)) reason = "not among the features " + cpu.to_string();
    const bool amx = row.isa == TileIsa::kAmxInt8 || row.isa == TileIsa::kAmxBf16;
    if (reason.empty() && amx && depth != nullptr) reason = amx_refusal(types, *depth);
    if (reason.empty()) break;
    choice.declined.push_back(concat(name_of(row.isa), " declined: ", reason));
  }
  return choice;
}

}  // namespace tegula::kernels
