#pragma once
#include "jit/vector_isa.h"

namespace tegula::perf {

/// What `threads` threads of this machine reach together with fused multiply-adds on registers, in GFLOP/s: the best of
/// many short runs.
double fma_peak(jit::VectorIsa isa, int threads = 1);

}  // namespace tegula::perf
