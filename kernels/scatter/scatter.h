#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// What happens where an update meets an element. Numbers are those of program.fbs. Updates are applied in row-major
/// order of the indices, so results do not depend on threads: there is one. Integers wrap around; the maximum and
/// minimum of NaN and anything is NaN.
enum class ScatterReduction : uint8_t { kNone = 0, kAdd = 1, kMul = 2, kMax = 3, kMin = 4 };

/// dst = src; then for every index tuple i of `indices`:
///   dst[i with its coordinate `axis` replaced by indices[i]] op= updates[i]
/// inputs: src, indices (s32 or s64, src's rank), updates (src's type, the dims of indices). outputs: dst (like src;
/// may be the same memory). Any type with kNone; numeric ones with a reduction. Negative indices count from the end;
/// one out of range is kInvalidArgument.
struct ScatterElementsDesc {
  int axis = 0;
  ScatterReduction reduction = ScatterReduction::kNone;
  auto operator<=>(const ScatterElementsDesc&) const = default;
};

Status check(const ScatterElementsDesc& desc, Views inputs, Views outputs);
Status scatter_elements(const ScatterElementsDesc& desc, Views inputs, Views outputs);

/// dst = src; then for every index tuple i of all dimensions of `indices` but the last, whose size is k:
///   dst[indices[i, 0..k-1], :] op= updates[i, :]
/// inputs: src, indices (s32 or s64, k <= rank of src), updates (src's type; the dims of indices but the last, then
/// those of src from k on). outputs: dst (like src; may be the same memory). Types and indices as for scatter_elements.
struct ScatterNdDesc {
  ScatterReduction reduction = ScatterReduction::kNone;
  auto operator<=>(const ScatterNdDesc&) const = default;
};

Status check(const ScatterNdDesc& desc, Views inputs, Views outputs);
Status scatter_nd(const ScatterNdDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
