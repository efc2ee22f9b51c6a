#pragma once
#include "jit/vector_isa.h"

namespace tegula::perf {

/// What one thread of this machine reaches with fused multiply-adds on registers, in GFLOP/s: the best of many short
/// runs.
double fma_peak(jit::VectorIsa isa);

}  // namespace tegula::perf
