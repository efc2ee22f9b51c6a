#pragma once
#include "jit/vector_isa.h"
#include "schema/base/dtype.h"

namespace tegula::perf {

/// What `threads` threads of this machine reach together with fused multiply-adds on registers, in GFLOP/s: the best of
/// many short runs.
double fma_peak(jit::VectorIsa isa, int threads = 1);

/// The same of what multiplies other types: vpdpbusd for u8 by s8 where `cpu` has it on zmm, vdpbf16ps for bf16;
/// otherwise fma_peak.
double product_peak(DType src, const jit::CpuFeatures& cpu, int threads = 1);

}  // namespace tegula::perf
