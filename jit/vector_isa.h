#pragma once
#include <cstdint>
#include <string_view>

#include "jit/cpu_features.h"

namespace tegula::jit {

/// The two widths of fp32 vector code that generators write. A descriptor that shapes code holds one.
enum class VectorIsa : uint8_t { kAvx2, kAvx512 };

constexpr int lanes_of(VectorIsa isa) {
  return isa == VectorIsa::kAvx512 ? 16 : 8;
}  ///< fp32 per register
constexpr int vector_bytes(VectorIsa isa) {
  return 4 * lanes_of(isa);
}  ///< one register
constexpr int vector_registers(VectorIsa isa) {
  return isa == VectorIsa::kAvx512 ? 32 : 16;
}  ///< zmm or ymm
constexpr std::string_view name_of(VectorIsa isa) {
  return isa == VectorIsa::kAvx512 ? "avx512" : "avx2";
}

constexpr bool has(const CpuFeatures& cpu, VectorIsa isa) {
  return isa == VectorIsa::kAvx512 ? cpu.avx512 : cpu.avx2;
}

}  // namespace tegula::jit
