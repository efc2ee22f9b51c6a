#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// Keeps the upper (column - row >= k) or lower (column - row <= k) triangle of every matrix of the last two
/// dimensions, and writes zeros elsewhere. inputs: src (any type, rank >= 2). outputs: dst (src's type and dims; may be
/// the same memory).
struct TriluDesc {
  bool upper = true;
  int64_t k = 0;
  auto operator<=>(const TriluDesc&) const = default;
};

Status check(const TriluDesc& desc, Views inputs, Views outputs);
Status trilu(const TriluDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
