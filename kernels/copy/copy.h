#pragma once
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// dst = src, element by element, src broadcast to dst's dimensions (right-aligned, as ONNX). Any strides.

/// Looks at types and dimensions only. kInvalidArgument: the types differ, or src does not broadcast to dst.
Status check_copy(const TensorView& src, const TensorView& dst);

/// Checks, then copies. The two must not overlap.
Status copy(const TensorView& src, const TensorView& dst);

}  // namespace tegula::kernels
