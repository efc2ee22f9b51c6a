#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// dst[i] = src[i with its coordinate `axis` replaced by indices[i]], for every index tuple i of `indices`.
/// inputs: src (any type), indices (s32 or s64, src's rank; each dimension but `axis` at most src's).
/// outputs: dst (src's type, the dims of indices). Negative indices count from the end; one out of range is
/// kInvalidArgument.
struct GatherElementsDesc {
  int axis = 0;
  auto operator<=>(const GatherElementsDesc&) const = default;
};

Status check(const GatherElementsDesc& desc, Views inputs, Views outputs);
Status gather_elements(const GatherElementsDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
