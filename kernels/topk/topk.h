#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// The k largest (or smallest) elements along `axis`, best first; of equal elements the one with the lower index comes
/// first. NaN counts as larger than every number. k is the size of dst along the axis, at most that of src. inputs: src
/// (numeric). outputs: dst (src's type), indices (s64, same dims) or absent. The other dimensions are src's.
struct TopKDesc {
  int axis = 0;
  bool largest = true;
  auto operator<=>(const TopKDesc&) const = default;
};

Status check(const TopKDesc& desc, Views inputs, Views outputs);
Status topk(const TopKDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
