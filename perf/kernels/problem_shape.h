#pragma once
#include <cstdint>

#include "kernels/conv/conv.h"
#include "perf/kernels/problem.h"
#include "schema/base/result.h"

namespace tegula::perf {

/// How much memory copies of the weights make up: what the problem says in megabytes (cold=14), else more than the
/// caches hold.
Result<int64_t> cold_bytes(const Problem& problem);

/// Of a conv problem; pixels lie next to each other.
Result<kernels::ConvShape> conv_shape(const Problem& problem);

}  // namespace tegula::perf
