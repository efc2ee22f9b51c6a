// The products of ONNX's operator-oriented quantization, written as dequantize -> product -> quantize, the form that
// models with Q/DQ nodes have: QLinearConv, QLinearMatMul, com.microsoft QGemm, MatMulIntegerToFloat and
// DynamicQuantizeMatMul.
#include <cmath>

#include "compiler/importer/fold_value.h"
#include "compiler/ops/quantize_imports.h"

namespace tegula::compiler {

Result<ImportedValues> import_conv(ImportContext& context, const OnnxNode& node);
Result<ImportedValues> import_matmul(ImportContext& context, const OnnxNode& node);
Result<ImportedValues> import_gemm(ImportContext& context, const OnnxNode& node);

namespace {

/// The scales of a product's s32 bias: factor * s_x * s_w[c].
Result<Value*> bias_scales(ImportContext& context, const OnnxNode& node, Value* x_scale, Value* w_scale,
                           float factor = 1) {
  const std::optional<Literal> x = fold_value(*x_scale), w = fold_value(*w_scale);
  if (x && w && x->count() == 1 && x->dtype() == DType::kF32 && w->dtype() == DType::kF32)
    return context.build.constant(Literal::make(DType::kF32, {w->count()},
                                                [&](const kernels::TensorView& view) {
                                                  for (int64_t i = 0; i < w->count(); ++i)
                                                    view.as<float>()[i] = factor * (x->at<float>(0) * w->at<float>(i));
                                                }),
                                  concat(node.name, "_bias_scale"));
  TEGULA_ASSIGN_OR_RETURN(Value* const scales, context.build.function(Function::k_mul, {x_scale, w_scale}));
  return factor == 1 ? Result<Value*>(scales) : with_scalar(context, Function::k_mul, scales, factor);
}

Result<Value*> dequantized_bias(ImportContext& context, const OnnxNode& node, Value* bias, Value* x_scale,
                                Value* w_scale, float factor = 1) {
  TEGULA_ASSIGN_OR_RETURN(Value* const scales, bias_scales(context, node, x_scale, w_scale, factor));
  return dequantized(context, node, {bias, scales, nullptr}, -1);
}

/// The right operand of a matmul: scales of a matrix run along its columns.
Result<Value*> dequantized_right(ImportContext& context, const OnnxNode& node, QuantizedTensor b, bool transposed) {
  return dequantized(context, node, b, transposed ? -2 : -1);
}

/// The left operand: scales run along the rows.
Result<Value*> dequantized_left(ImportContext& context, const OnnxNode& node, QuantizedTensor a, bool transposed) {
  return dequantized(context, node, a, transposed ? -1 : -2);
}

OnnxNode with_inputs(const OnnxNode& node, std::vector<Value*> inputs) {
  OnnxNode plain = node;
  plain.inputs = std::move(inputs);
  return plain;
}

}  // namespace

/// x, s_x, z_x, w, s_w, z_w, s_y, z_y, bias (s32 of scale s_x * s_w)
Result<ImportedValues> import_qlinear_conv(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 8, 9));
  TEGULA_ASSIGN_OR_RETURN(Value* const x, dequantized(context, node, quantized_operand(node, 0), 1));
  TEGULA_ASSIGN_OR_RETURN(Value* const w, dequantized(context, node, quantized_operand(node, 3), 0));
  std::vector<Value*> inputs = {x, w};
  if (node.input(8) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(Value* const bias,
                            dequantized_bias(context, node, node.inputs[8], node.inputs[1], node.inputs[4]));
    inputs.push_back(bias);
  }
  TEGULA_ASSIGN_OR_RETURN(ImportedValues y, import_conv(context, with_inputs(node, std::move(inputs))));
  TEGULA_ASSIGN_OR_RETURN(y[0], quantized_as(context, node, y[0], 6));
  return y;
}

/// a, s_a, z_a, b, s_b, z_b, s_y, z_y
Result<ImportedValues> import_qlinear_matmul(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 8, 8));
  TEGULA_ASSIGN_OR_RETURN(Value* const a, dequantized_left(context, node, quantized_operand(node, 0), false));
  TEGULA_ASSIGN_OR_RETURN(Value* const b, dequantized_right(context, node, quantized_operand(node, 3), false));
  TEGULA_ASSIGN_OR_RETURN(ImportedValues y, import_matmul(context, with_inputs(node, {a, b})));
  TEGULA_ASSIGN_OR_RETURN(y[0], quantized_as(context, node, y[0], 6));
  return y;
}

/// a, s_a, z_a, b, s_b, z_b, c (s32 of scale alpha * s_a * s_b), s_y, z_y; fp32 without the last two
Result<ImportedValues> import_qgemm(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 6, 9));
  const bool transpose_a = node.attributes.flag("transA"), transpose_b = node.attributes.flag("transB");
  TEGULA_ASSIGN_OR_RETURN(Value* const a, dequantized_left(context, node, quantized_operand(node, 0), transpose_a));
  TEGULA_ASSIGN_OR_RETURN(Value* const b, dequantized_right(context, node, quantized_operand(node, 3), transpose_b));
  std::vector<Value*> inputs = {a, b};
  if (node.input(6) != nullptr) {
    const auto alpha = static_cast<float>(node.attributes.number("alpha", 1));
    TEGULA_ASSIGN_OR_RETURN(Value* const c,
                            dequantized_bias(context, node, node.inputs[6], node.inputs[1], node.inputs[4], alpha));
    inputs.push_back(c);
  }
  TEGULA_ASSIGN_OR_RETURN(ImportedValues y, import_gemm(context, with_inputs(node, std::move(inputs))));
  if (node.input(7) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(y[0], quantized_as(context, node, y[0], 7));
  }
  return y;
}

namespace {

Result<ImportedValues> matmul_to_float(ImportContext& context, const OnnxNode& node, Value* a, QuantizedTensor b,
                                       Value* bias) {
  TEGULA_ASSIGN_OR_RETURN(Value* const right, dequantized_right(context, node, b, false));
  TEGULA_ASSIGN_OR_RETURN(ImportedValues y, import_matmul(context, with_inputs(node, {a, right})));
  if (bias != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(y[0], context.build.function(Function::k_add, {y[0], bias}));
  }
  return y;
}

}  // namespace

/// a, b, s_a, s_b, z_a, z_b, bias (fp32)
Result<ImportedValues> import_matmul_integer_to_float(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 4, 7));
  TEGULA_ASSIGN_OR_RETURN(Value* const a,
                          dequantized_left(context, node, {node.inputs[0], node.inputs[2], node.input(4)}, false));
  return matmul_to_float(context, node, a, {node.inputs[1], node.inputs[3], node.input(5)}, node.input(6));
}

/// a (fp32, quantized by its own range), b, s_b, z_b, bias (fp32)
Result<ImportedValues> import_dynamic_quantize_matmul(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 5));
  TEGULA_ASSIGN_OR_RETURN(const Node* const a, context.build.node("dynamic_quantize", {node.inputs[0]}));
  TEGULA_ASSIGN_OR_RETURN(Value* const real,
                          dequantized(context, node, {a->outputs[0], a->outputs[1], a->outputs[2]}, 0));
  return matmul_to_float(context, node, real, {node.inputs[1], node.inputs[2], node.input(3)}, node.input(4));
}

}  // namespace tegula::compiler
