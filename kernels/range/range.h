#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// dst[i] = start + i * delta, computed in dst's type (floats: one multiplication, then one addition).
/// inputs: start, delta (one element each). outputs: dst (rank 1), all of one numeric type.
struct RangeDesc {
  auto operator<=>(const RangeDesc&) const = default;
};

Status check(const RangeDesc& desc, Views inputs, Views outputs);
Status range(const RangeDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
