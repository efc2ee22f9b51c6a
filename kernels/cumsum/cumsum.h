#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// Running sums along `axis`: dst[i] = src[0] + ... + src[i], added in that order in src's type.
/// product: multiplied instead. exclusive: without src[i] itself (the first is 0, of products 1). reverse: from the end
/// of the axis instead. Integers wrap around. inputs: src (numeric). outputs: dst (src's type and dims).
struct CumSumDesc {
  int axis = 0;
  bool exclusive = false;
  bool reverse = false;
  bool product = false;
  auto operator<=>(const CumSumDesc&) const = default;
};

Status check(const CumSumDesc& desc, Views inputs, Views outputs);
Status cumsum(const CumSumDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
