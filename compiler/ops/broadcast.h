#pragma once
#include "compiler/ops/op_def.h"

namespace tegula::compiler {

/// ONNX's multidirectional broadcasting of two shapes, right-aligned. Sizes that only binding can compare get a
/// constraint (kBroadcast) in the graph; 0 is a legal size, so the result is not the larger of the two.
Result<Shape> broadcast(InferContext& context, const Shape& a, const Shape& b);

/// The same for a single dimension. `what` names the dimension in messages.
Result<Dim> broadcast(InferContext& context, const Dim& a, const Dim& b, std::string_view what);

}  // namespace tegula::compiler
