#pragma once
#include <vector>

#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// Writes numbers that are known when shapes are bound: dst[i] = elements[i] in row-major order.
/// inputs: none. outputs: dst (f32, f64, an integer type or bool, as many elements). A number that an integer type
/// cannot hold is refused by check().
struct MaterializeDesc {
  std::vector<int64_t> elements;
  auto operator<=>(const MaterializeDesc&) const = default;
};

Status check(const MaterializeDesc& desc, Views inputs, Views outputs);
Status materialize(const MaterializeDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
