// ONNX QuantizeLinear (10, 13, 19, 21) and DequantizeLinear (10, 13, 19, 21): per tensor and per axis, u8, s8 and s32.
#include "compiler/ops/quantize_imports.h"

#include <cmath>

#include "compiler/importer/fold_value.h"

namespace tegula::compiler {
namespace {

bool has_one_element(const Value& value) {
  const auto dims = constant_dims(value.shape);
  return dims && element_count(*dims) == 1;
}

/// Scale and zero point as parameters of a function, when they are known and fp32 holds them.
struct Parameters {
  float scale = 1, zero_point = 0;
};

std::optional<Parameters> parameters_of(const Value* scale, const Value* zero_point) {
  if (!has_one_element(*scale) || (zero_point != nullptr && !has_one_element(*zero_point))) return std::nullopt;
  const std::optional<Literal> s = fold_value(*scale);
  const std::optional<Literal> z = zero_point != nullptr ? fold_value(*zero_point) : Literal::scalar(int32_t{0});
  if (!s || !z) return std::nullopt;
  const Parameters parameters{static_cast<float>(s->to_doubles()[0]), static_cast<float>(z->to_doubles()[0])};
  constexpr float kExact = 1 << 24;
  const bool usable =
      parameters.scale > 0 && std::isfinite(parameters.scale) && std::abs(parameters.zero_point) <= kExact;
  return usable ? std::optional(parameters) : std::nullopt;
}

/// A scale or zero point of a tensor of `rank`, so that it broadcasts.
Result<Value*> aligned(ImportContext& context, const OnnxNode& node, Value* value, int64_t axis, int rank) {
  if (has_one_element(*value)) return reshaped(context, value, {});
  if (value->rank() == rank) return value;
  if (value->rank() != 1)
    return node.invalid(
        concat("a scale or zero point of shape ", to_string(value->shape), " for a tensor of ", rank, " dimensions"));
  TEGULA_ASSIGN_OR_RETURN(const int64_t checked, checked_axis(node, axis, rank));
  return aligned_to_axis(context, value, checked, rank);
}

Status check_scale(const OnnxNode& node, const Value* scale) {
  if (scale == nullptr) return node.invalid("the scale is missing");
  if (scale->dtype != DType::kF32) return node.unsupported(concat("a scale of type ", name_of(scale->dtype)));
  return {};
}

Status refuse_blocks(const OnnxNode& node) {
  if (node.attributes.integer("block_size", 0) != 0)
    return node.unsupported(
        "block quantization (attribute 'block_size') is not supported: quantize per tensor or axis");
  return {};
}

Result<Value*> cast_function(ImportContext& context, Function function, Value* x, const Parameters& parameters,
                             DType to) {
  return context.build.add("eltwise", {x},
                           {{"program", one_function(function, parameters.scale, parameters.zero_point, to)}});
}

}  // namespace

QuantizedTensor quantized_operand(const OnnxNode& node, std::size_t first) {
  return {node.input(first), node.input(first + 1), node.input(first + 2)};
}

Result<Value*> dequantized(ImportContext& context, const OnnxNode& node, const QuantizedTensor& tensor, int64_t axis) {
  Value* const q = tensor.q;
  if (q == nullptr) return node.invalid("a quantized operand is missing");
  TEGULA_RETURN_IF_ERROR(check_scale(node, tensor.scale));
  if (q->dtype != DType::kU8 && q->dtype != DType::kS8 && q->dtype != DType::kS32)
    return node.unsupported(concat("a quantized tensor of type ", name_of(q->dtype), "; u8, s8 and s32 are supported"));
  Value* zero_point = tensor.zero_point;
  if (zero_point != nullptr && zero_point->dtype != q->dtype)
    return node.invalid(concat("a zero point of type ", name_of(zero_point->dtype), " for ", name_of(q->dtype)));
  if (const auto parameters = parameters_of(tensor.scale, zero_point))
    return cast_function(context, Function::k_dequantize, q, *parameters, DType::kF32);
  if (zero_point == nullptr) zero_point = scalar(context, q->dtype, 0);
  TEGULA_ASSIGN_OR_RETURN(Value* const s, aligned(context, node, tensor.scale, axis, q->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value* const z, aligned(context, node, zero_point, axis, q->rank()));
  return context.build.function(Function::k_dequantize_by, {q, s, z});
}

Result<Value*> quantized(ImportContext& context, const OnnxNode& node, Value* real, Value* scale, Value* zero_point,
                         DType to, int64_t axis) {
  TEGULA_RETURN_IF_ERROR(check_scale(node, scale));
  if (to != DType::kU8 && to != DType::kS8)
    return node.unsupported(concat("quantization to ", name_of(to), "; u8 and s8 are supported"));
  if (zero_point != nullptr && zero_point->dtype != to)
    return node.invalid(concat("a zero point of type ", name_of(zero_point->dtype), " for ", name_of(to)));
  TEGULA_ASSIGN_OR_RETURN(Value* const x, context.build.cast(real, DType::kF32));
  if (const auto parameters = parameters_of(scale, zero_point))
    return cast_function(context, Function::k_quantize, x, *parameters, to);
  if (zero_point == nullptr) zero_point = scalar(context, to, 0);
  TEGULA_ASSIGN_OR_RETURN(Value* const s, aligned(context, node, scale, axis, x->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value* const z, aligned(context, node, zero_point, axis, x->rank()));
  return context.build.function(Function::k_quantize_by, {x, s, z});
}

Result<Value*> quantized_as(ImportContext& context, const OnnxNode& node, Value* real, std::size_t first) {
  Value* const zero_point = node.input(first + 1);
  const DType to = zero_point != nullptr ? zero_point->dtype : DType::kU8;
  if (const Value* scale = node.input(first); scale != nullptr && !has_one_element(*scale))
    return node.unsupported("a result that is quantized per axis");
  return quantized(context, node, real, node.input(first), zero_point, to, 0);
}

Result<ImportedValues> import_quantize_linear(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 3));
  TEGULA_RETURN_IF_ERROR(refuse_blocks(node));
  DType to = DType::kU8;
  if (node.input(2) != nullptr) {
    to = node.input(2)->dtype;
  } else if (node.attributes.integer("output_dtype", 0) != 0) {
    TEGULA_ASSIGN_OR_RETURN(to, node.dtype_attribute("output_dtype", to));
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, quantized(context, node, node.inputs[0], node.inputs[1], node.input(2), to,
                                                    node.attributes.integer("axis", 1)));
  return ImportedValues{y};
}

Result<ImportedValues> import_dequantize_linear(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 3));
  TEGULA_RETURN_IF_ERROR(refuse_blocks(node));
  TEGULA_ASSIGN_OR_RETURN(Value* const y,
                          dequantized(context, node, quantized_operand(node, 0), node.attributes.integer("axis", 1)));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
