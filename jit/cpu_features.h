#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace tegula::jit {

/// Instruction-set extensions that kernels may use: sets of features, not an order of quality.
/// Passed as an argument wherever a kernel is chosen, so that the choice for any CPU can be tested
/// on any CPU.
struct CpuFeatures {
  bool avx2 = false;      ///< AVX2 and FMA
  bool avx_vnni = false;  ///< vpdpbusd on ymm
  bool avx512 = false;    ///< F, BW, DQ, VL, CD
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool amx_int8 = false;  ///< usable, not merely advertised: see detect()
  bool amx_bf16 = false;

  bool operator==(const CpuFeatures&) const = default;

  /// What the CPU and the operating system really offer. AMX only after the whole check: CPUID,
  /// XCR0, the palette in leaf 1D, the kernel's permission and a probe under a SIGILL guard. Asks
  /// once per process; later calls return the same answer. Safe for concurrent calls.
  static CpuFeatures detect();

  /// detect(), capped by the environment variable TEGULA_MAX_ISA where it is set. A value that is
  /// no ISA name is an error (kInvalidArgument) that lists the names.
  static Result<CpuFeatures> detect_capped();

  /// The features of a cap: "reference", "avx2", "avx2_vnni", "avx512", "avx512_vnni",
  /// "avx512_bf16", "amx". kInvalidArgument for another name.
  static Result<CpuFeatures> from_name(std::string_view isa);

  /// The features that both have.
  CpuFeatures intersect(const CpuFeatures& other) const;

  /// "avx2 avx512 avx512_vnni", or "none".
  std::string to_string() const;
};

}  // namespace tegula::jit
