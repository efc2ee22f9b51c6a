#pragma once
#include <cstdint>

#include "jit/cpu_features.h"

namespace tegula::jit {

/// One leaf of CPUID; all zeros when the CPU has no such leaf.
struct CpuidLeaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// All that CpuFeatures::detect() asks the CPU and the operating system, so that its conclusions can be tested for any
/// answer.
struct CpuAnswers {
  CpuidLeaf leaf1, leaf7, leaf7_1;  ///< features
  CpuidLeaf leaf1d, leaf1d_1;       ///< the number of tile palettes, and the first of them
  uint64_t xcr0 = 0;                ///< register state that the operating system saves; 0 without XGETBV
  /// Asks the operating system for tile state. Called only when all of the above promises AMX.
  bool (*grants_tiles)() = nullptr;
  /// Whether tile instructions really execute; `bf16`: products of bf16 too. Called only once they are granted.
  bool (*executes_tiles)(bool bf16) = nullptr;
};

CpuFeatures features_from(const CpuAnswers& answers);

/// This machine's.
CpuAnswers ask_machine();

}  // namespace tegula::jit
