#pragma once
#include "compiler/ops/op_def.h"

namespace tegula::compiler {

/// What start : end : step of ONNX takes from a dimension: negative bounds count from the end, all are clamped.
struct SliceRange {
  Dim start;  ///< an index of the dimension (or 0 when nothing is taken)
  Dim size;
};
SliceRange slice_range(const Dim& start, const Dim& end, int64_t step, const Dim& size);

/// `size` elements from `start` on along one axis; `value` itself when that is all of it.
Result<Value*> slice_axis(Builder& build, Value* value, int64_t axis, const Dim& start, const Dim& size);

}  // namespace tegula::compiler
