#include "jit/cpu_features.h"


#include <array>
#include <cstdlib>

#include "jit/cpu_answers.h"

namespace tegula::jit {
namespace {

constexpr bool bit(uint64_t value, int index) {
  return ((value >> index) & 1U) != 0;
}

// Bits of XCR0.
constexpr uint64_t kYmmState = (1U << 1) | (1U << 2);
constexpr uint64_t kZmmState = kYmmState | (1U << 5) | (1U << 6) | (1U << 7);
constexpr uint64_t kTileState = (1U << 17) | (1U << 18);

/// Palette 1 as kernels use it: 8 tiles of 16 rows of 64 bytes.
bool has_tile_palette(const CpuAnswers& answers) {
  if (answers.leaf1d.eax < 1) return false;
  const CpuidLeaf& palette = answers.leaf1d_1;
  const uint32_t bytes_per_tile = palette.eax >> 16;
  const uint32_t bytes_per_row = palette.ebx & 0xFFFF;
  const uint32_t tiles = palette.ebx >> 16;
  const uint32_t rows = palette.ecx & 0xFFFF;
  return bytes_per_tile >= 1024 && bytes_per_row >= 64 && tiles >= 8 && rows >= 16;
}

struct Flag {
  const char* name;
  bool CpuFeatures::* member;
};

constexpr std::array<Flag, 7> kFlags = {{
    {"avx2", &CpuFeatures::avx2},
    {"avx_vnni", &CpuFeatures::avx_vnni},
    {"avx512", &CpuFeatures::avx512},
    {"avx512_vnni", &CpuFeatures::avx512_vnni},
    {"avx512_bf16", &CpuFeatures::avx512_bf16},
    {"amx_int8", &CpuFeatures::amx_int8},
    {"amx_bf16", &CpuFeatures::amx_bf16},
}};

struct Cap {
  std::string_view name;
  CpuFeatures features;
};

constexpr std::array<Cap, 7> kCaps = {{
    {"reference", {}},
    {"avx2", {.avx2 = true}},
    {"avx2_vnni", {.avx2 = true, .avx_vnni = true}},
    {"avx512", {.avx2 = true, .avx512 = true}},
    {"avx512_vnni", {.avx2 = true, .avx_vnni = true, .avx512 = true, .avx512_vnni = true}},
    {"avx512_bf16", {.avx2 = true, .avx_vnni = true, .avx512 = true, .avx512_vnni = true, .avx512_bf16 = true}},
    {"amx",
     {.avx2 = true,
      .avx_vnni = true,
      .avx512 = true,
      .avx512_vnni = true,
      .avx512_bf16 = true,
      .amx_int8 = true,
      .amx_bf16 = true}},
}};

}  // namespace

CpuFeatures features_from(const CpuAnswers& answers) {
  const CpuidLeaf &basic = answers.leaf1, &extended = answers.leaf7, &extended1 = answers.leaf7_1;
  const uint64_t state = answers.xcr0;
  CpuFeatures f;
  const bool ymm = (state & kYmmState) == kYmmState;
  const bool fma = bit(basic.ecx, 12), avx = bit(basic.ecx, 28);
  f.avx2 = ymm && avx && fma && bit(extended.ebx, 5);
  f.avx_vnni = f.avx2 && bit(extended1.eax, 4);

  const bool zmm = (state & kZmmState) == kZmmState;
  const bool f_dq_cd_bw_vl = bit(extended.ebx, 16) && bit(extended.ebx, 17) && bit(extended.ebx, 28) &&
                             bit(extended.ebx, 30) && bit(extended.ebx, 31);
  f.avx512 = f.avx2 && zmm && f_dq_cd_bw_vl;
  f.avx512_vnni = f.avx512 && bit(extended.ecx, 11);
  f.avx512_bf16 = f.avx512 && bit(extended1.eax, 5);

  const bool amx_tile = bit(extended.edx, 24), amx_int8 = bit(extended.edx, 25), amx_bf16 = bit(extended.edx, 22);
  const bool amx = f.avx512_vnni && amx_tile && amx_int8 && (state & kTileState) == kTileState &&
                   has_tile_palette(answers) && answers.grants_tiles() && answers.executes_tiles(false);
  f.amx_int8 = amx;
  f.amx_bf16 = amx && f.avx512_bf16 && amx_bf16 && answers.executes_tiles(true);
  return f;
}

Result<CpuFeatures> CpuFeatures::detect_capped() {
  const char* cap = std::getenv("TEGULA_MAX_ISA");
  if (cap == nullptr || *cap == '\0') return detect();
  const Result<CpuFeatures> allowed = from_name(cap);
  if (!allowed.ok()) return Error{allowed.error().code, "TEGULA_MAX_ISA: " + allowed.error().message};
  return detect().intersect(*allowed);
}

Result<CpuFeatures> CpuFeatures::from_name(std::string_view isa) {
  std::string names;
  for (const Cap& cap : kCaps) {
    if (cap.name == isa) return cap.features;
    names += (names.empty() ? "" : ", ") + std::string(cap.name);
  }
  return Error{ErrorCode::kInvalidArgument, concat("no instruction set is called '", isa, "': use one of ", names)};
}

CpuFeatures CpuFeatures::intersect(const CpuFeatures& other) const {
  CpuFeatures both;
  for (const Flag& flag : kFlags) both.*flag.member = this->*flag.member && other.*flag.member;
  return both;
}

std::string CpuFeatures::to_string() const {
  std::string text;
  for (const Flag& flag : kFlags)
    if (this->*flag.member) text += (text.empty() ? "" : " ") + std::string(flag.name);
  return text.empty() ? "none" : text;
}

}  // namespace tegula::jit
