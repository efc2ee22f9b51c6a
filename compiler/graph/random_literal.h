#pragma once
#include <cstdint>

#include "compiler/graph/literal.h"

namespace tegula::compiler {

/// A tensor of numbers made from `seed`, the same everywhere: floats are multiples of 1/1024 in [-1, 1), signed
/// integers lie in [-8, 8), unsigned ones in [0, 16), bools are 0 or 1.
Literal random_literal(DType dtype, Dims dims, uint64_t seed);

}  // namespace tegula::compiler
