#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// dst[i..., j, k...] = values[1] where j is indices[i..., k...], else values[0]; j runs along `axis` of dst, whose
/// size is the depth. Indices in [-depth, -1] count from the end; those outside [-depth, depth - 1], and NaN, leave
/// their row at values[0]. Fractions are cut off. inputs: indices (numeric), values ([2], any type). outputs: dst (the
/// type of values): the dims of indices with the axis inserted.
struct OneHotDesc {
  int axis = 0;
  auto operator<=>(const OneHotDesc&) const = default;
};

Status check(const OneHotDesc& desc, Views inputs, Views outputs);
Status one_hot(const OneHotDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
