#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// dst[b..., i..., :] = src[b..., indices[b..., i..., 0..k-1], :], where b are `batch_dims` coordinates that src and
/// indices share and k is the last dimension of indices. inputs: src (any type), indices (s32 or s64, rank >
/// batch_dims; batch_dims + k <= rank of src). outputs: dst (src's type): the dims of indices but the last, then those
/// of src from batch_dims + k on. Negative indices count from the end; one out of range is kInvalidArgument.
struct GatherNdDesc {
  int batch_dims = 0;
  auto operator<=>(const GatherNdDesc&) const = default;
};

Status check(const GatherNdDesc& desc, Views inputs, Views outputs);
Status gather_nd(const GatherNdDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
