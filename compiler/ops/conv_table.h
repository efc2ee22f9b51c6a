#pragma once
#include "compiler/importer/onnx_node.h"
#include "compiler/ops/op_def.h"

namespace tegula::schema {
struct ConvT;
}

namespace tegula::compiler {

class LowerContext;

/// The shape of a convolution's output, from x, w and the attributes of ops/conv.cpp; a bias is not looked at.
Result<Shape> infer_conv_shape(InferContext& context);

/// Window and groups of table Conv.
schema::ConvT conv_table(LowerContext& context, const Node& node);

/// The attributes of ops/conv.cpp from those of ONNX Conv; operands 0 and 1 of the node are x and w.
Result<Attributes> import_conv_attributes(const OnnxNode& node);

}  // namespace tegula::compiler
