#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// The index of the largest (or smallest) element along `axis`: of equal ones the first, or the last with
/// `select_last`. NaN wins over every number. inputs: src (numeric; the axis must not be empty unless dst is). outputs:
/// dst (s64): the dims of src without the axis, or with 1 there.
struct ArgReduceDesc {
  int axis = 0;
  bool max = true;
  bool select_last = false;
  auto operator<=>(const ArgReduceDesc&) const = default;
};

Status check(const ArgReduceDesc& desc, Views inputs, Views outputs);
Status arg_reduce(const ArgReduceDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
