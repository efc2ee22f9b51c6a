#pragma once
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {

// Quantized tensors of ONNX models in the graph: values of u8, s8 or s32, and between them and real ones the functions
// quantize and dequantize (scale and zero point are parameters) or quantize_by and dequantize_by (they are operands:
// per axis, or computed).

/// A tensor and what its numbers mean: real = scale * (q - zero_point).
struct QuantizedTensor {
  Value* q = nullptr;
  Value* scale = nullptr;
  Value* zero_point = nullptr;  ///< nullptr: 0
};

/// Operands first, first + 1 and first + 2 of the node.
QuantizedTensor quantized_operand(const OnnxNode& node, std::size_t first);

/// The real tensor. A scale with one element is for all of it, others run along `axis` (or fit as they are, when they
/// have as many dimensions as the tensor). kUnsupported for types other than u8, s8 and s32.
Result<Value*> dequantized(ImportContext& context, const OnnxNode& node, const QuantizedTensor& tensor, int64_t axis);

/// saturate(round(real / scale) + zero_point) as `to`, u8 or s8.
Result<Value*> quantized(ImportContext& context, const OnnxNode& node, Value* real, Value* scale, Value* zero_point,
                         DType to, int64_t axis);
/// The same with operands first (scale) and first + 1 (zero point, which tells the type; u8 when absent) for all of it.
Result<Value*> quantized_as(ImportContext& context, const OnnxNode& node, Value* real, std::size_t first);

}  // namespace tegula::compiler
