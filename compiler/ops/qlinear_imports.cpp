// The com.microsoft operators on quantized tensors that are no products, written as dequantize -> operator -> quantize:
// QLinearAdd, QLinearMul, QLinearAveragePool, QLinearGlobalAveragePool, QLinearConcat, QLinearSigmoid, QLinearLeakyRelu
// and QLinearSoftmax.
#include "compiler/ops/quantize_imports.h"

namespace tegula::compiler {

Result<ImportedValues> import_average_pool(ImportContext& context, const OnnxNode& node);
Result<ImportedValues> import_global_average_pool(ImportContext& context, const OnnxNode& node);
Result<ImportedValues> import_concat(ImportContext& context, const OnnxNode& node);
Result<ImportedValues> import_softmax(ImportContext& context, const OnnxNode& node);

namespace {

/// a, s_a, z_a, b, s_b, z_b, s_y, z_y
Result<ImportedValues> binary(ImportContext& context, const OnnxNode& node, Function function) {
  if (node.inputs.size() < 7) return node.invalid(concat("has ", node.inputs.size(), " inputs; 7 or 8 expected"));
  TEGULA_ASSIGN_OR_RETURN(Value* const a, dequantized(context, node, quantized_operand(node, 0), 0));
  TEGULA_ASSIGN_OR_RETURN(Value* const b, dequantized(context, node, quantized_operand(node, 3), 0));
  TEGULA_ASSIGN_OR_RETURN(Value * y, context.build.function(function, {a, b}));
  TEGULA_ASSIGN_OR_RETURN(y, quantized(context, node, y, node.inputs[6], node.input(7), node.inputs[0]->dtype, 0));
  return ImportedValues{y};
}

/// x, s_x, z_x, s_y, z_y around `apply(x) -> y`. Result types follow x where y has no zero point.
template <typename Apply>
Result<ImportedValues> unary(ImportContext& context, const OnnxNode& node, Apply&& apply) {
  if (node.inputs.size() < 4 || node.inputs.size() > 5)
    return node.invalid(concat("has ", node.inputs.size(), " inputs; 4 or 5 expected"));
  TEGULA_ASSIGN_OR_RETURN(Value* const x, dequantized(context, node, quantized_operand(node, 0), 0));
  TEGULA_ASSIGN_OR_RETURN(Value * y, apply(x));
  TEGULA_ASSIGN_OR_RETURN(y, quantized(context, node, y, node.inputs[3], node.input(4), node.inputs[0]->dtype, 0));
  return ImportedValues{y};
}

OnnxNode on(const OnnxNode& node, Value* x, int version) {
  OnnxNode plain = node;
  plain.inputs = {x};
  plain.version = version;
  return plain;
}

/// `apply` on a tensor that has its channels last where the attribute says so.
template <typename Apply>
Result<Value*> with_channels_first(ImportContext& context, const OnnxNode& node, Value* x, Apply&& apply) {
  const auto rank = static_cast<int64_t>(x->rank());
  if (!node.attributes.flag("channels_last") || rank < 3) return apply(x);
  std::vector<int64_t> to_first = {0, rank - 1}, to_last = {0};
  for (int64_t d = 1; d + 1 < rank; ++d) to_first.push_back(d);
  for (int64_t d = 2; d < rank; ++d) to_last.push_back(d);
  to_last.push_back(1);
  TEGULA_ASSIGN_OR_RETURN(Value* const first, context.build.transpose(x, to_first));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, apply(first));
  return context.build.transpose(y, to_last);
}

Result<Value*> first_of(Result<ImportedValues> values) {
  if (!values.ok()) return values.error();
  return (*values)[0];
}

/// Of AveragePool and GlobalAveragePool when they are ai.onnx's.
constexpr int kPoolVersion = 11;

}  // namespace

Result<ImportedValues> import_qlinear_add(ImportContext& context, const OnnxNode& node) {
  return binary(context, node, Function::k_add);
}

Result<ImportedValues> import_qlinear_mul(ImportContext& context, const OnnxNode& node) {
  return binary(context, node, Function::k_mul);
}

Result<ImportedValues> import_qlinear_average_pool(ImportContext& context, const OnnxNode& node) {
  return unary(context, node, [&](Value* x) {
    return with_channels_first(context, node, x, [&](Value* first) {
      return first_of(import_average_pool(context, on(node, first, kPoolVersion)));
    });
  });
}

Result<ImportedValues> import_qlinear_global_average_pool(ImportContext& context, const OnnxNode& node) {
  return unary(context, node, [&](Value* x) {
    return with_channels_first(context, node, x, [&](Value* first) {
      return first_of(import_global_average_pool(context, on(node, first, kPoolVersion)));
    });
  });
}

/// s_y, z_y, then x, s_x, z_x of each operand
Result<ImportedValues> import_qlinear_concat(ImportContext& context, const OnnxNode& node) {
  if (node.inputs.size() < 5 || node.inputs.size() % 3 != 2)
    return node.invalid(concat("has ", node.inputs.size(), " inputs; 2 and 3 for each operand expected"));
  OnnxNode plain = node;
  plain.inputs.clear();
  plain.version = kPoolVersion;
  for (std::size_t i = 2; i < node.inputs.size(); i += 3) {
    TEGULA_ASSIGN_OR_RETURN(Value* const x, dequantized(context, node, quantized_operand(node, i), 0));
    plain.inputs.push_back(x);
  }
  TEGULA_ASSIGN_OR_RETURN(ImportedValues y, import_concat(context, plain));
  TEGULA_ASSIGN_OR_RETURN(y[0], quantized_as(context, node, y[0], 0));
  return y;
}

Result<ImportedValues> import_qlinear_sigmoid(ImportContext& context, const OnnxNode& node) {
  return unary(context, node, [&](Value* x) { return context.build.function(Function::k_sigmoid, {x}); });
}

Result<ImportedValues> import_qlinear_leaky_relu(ImportContext& context, const OnnxNode& node) {
  const auto alpha = static_cast<float>(node.attributes.number("alpha", 0.01));
  return unary(context, node, [&](Value* x) { return context.build.function(Function::k_leaky_relu, {x}, alpha); });
}

/// The attribute `opset` says which Softmax of ai.onnx is meant.
Result<ImportedValues> import_qlinear_softmax(ImportContext& context, const OnnxNode& node) {
  const auto version = static_cast<int>(node.attributes.integer("opset", 13));
  return unary(context, node, [&](Value* x) {
    OnnxNode plain = on(node, x, version);
    plain.domain.clear();
    plain.op_type = "Softmax";
    return first_of(import_softmax(context, plain));
  });
}

}  // namespace tegula::compiler
