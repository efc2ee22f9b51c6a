#pragma once
#include "compiler/ops/op_def.h"

namespace tegula::compiler {

/// A tensor of integers (or bool) whose elements are sizes: the op `materialize`.
Result<Value*> materialized(Builder& build, const Shape& elements, std::vector<int64_t> shape, DType dtype);

}  // namespace tegula::compiler
