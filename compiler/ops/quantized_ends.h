#pragma once
#include <memory>
#include <optional>

#include "compiler/ops/op_def.h"
#include "kernels/quantize/quantized_ends.h"

namespace tegula::schema {
struct QuantizedEndsT;
}

namespace tegula::compiler {

// Nodes that compute in fp32 between quantized operands and results: table QuantizedEnds as attributes. A node with the
// attribute `to` (u8, s8 or f32, the type of its result) has them: src_scale, src_zero_point, dst_scale_inverse (1) and
// dst_zero_point (0).

bool has_quantized_ends(const Node& node);
kernels::QuantizedOperand quantized_source(const Node& node);
kernels::QuantizedResult quantized_result(const Node& node);

/// The type of the result; refuses operands and parameters that do not fit.
Result<DType> infer_quantized_ends(const InferContext& context);

/// nullptr for a node that has none.
std::unique_ptr<schema::QuantizedEndsT> ends_table(const Node& node);

}  // namespace tegula::compiler
