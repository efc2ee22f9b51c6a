#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_weights.h"

namespace tegula::compiler {

// What passes know of quantized values: between them and real ones stand quantize and dequantize
// (schema/functions.inc).

/// real = scale * (q - zero_point) for all of a tensor.
struct Quantization {
  float scale = 1;
  int32_t zero_point = 0;

  bool operator==(const Quantization&) const = default;
};

/// What relu and clip leave of their operand.
struct ClipBounds {
  float low = 0, high = 0;
};
/// nullopt for other functions.
std::optional<ClipBounds> clip_bounds(Function function, float alpha, float beta);
/// Whether quantizing to `to`, u8 or s8, gives the same without clipping before: saturation leaves no more.
bool saturates_within(const ClipBounds& bounds, const Quantization& quantization, DType to);

/// A value of which another is made, with what the numbers of the quantized one of both mean.
struct QuantizedLink {
  Value* source = nullptr;
  Quantization quantization;
};

/// y of y = dequantize(source) {alpha, beta}.
std::optional<QuantizedLink> as_dequantize(const Value* value);
/// q of q = quantize(source) {alpha, beta, to}.
std::optional<QuantizedLink> as_quantize(const Value* value);

/// q of q = quantize_by(source, scales, zero_point) with constants: a scale for each channel (last dimension) and one
/// zero point for all.
struct ChannelQuantizedLink {
  Value* source = nullptr;
  std::vector<float> scales;
  int32_t zero_point = 0;
};
std::optional<ChannelQuantizedLink> as_channel_quantize(const Value* value);

/// x of y = dequantize_by(q, scale, zero_point) whose scale and zero point are computed: single numbers, or those of
/// each row or image (ops/quantized_product.h).
struct DynamicLink {
  Value* source = nullptr;
  Value* scale = nullptr;
  Value* zero_point = nullptr;

  bool is_per_tensor() const;
};
std::optional<DynamicLink> as_dynamic_dequantize(const Value* value);

/// A constant that is dequantized, per tensor or along one dimension.
struct DequantizedConstant {
  const Literal* q = nullptr;
  std::vector<float> scales;         ///< one, or one per index of the axis
  std::vector<int64_t> zero_points;  ///< likewise

  float scale(int64_t i) const { return scales[scales.size() == 1 ? 0 : static_cast<std::size_t>(i)]; }
  int64_t zero_point(int64_t i) const { return zero_points[zero_points.size() == 1 ? 0 : static_cast<std::size_t>(i)]; }
};
/// nullopt when the value is no such constant, or its scales run along another axis than `axis`.
std::optional<DequantizedConstant> as_dequantized_constant(const Value* value, int axis);
/// The same for any scales: whether value is a constant that is dequantized.
bool is_dequantized_constant(const Value* value);

/// Whether the node is an elementwise one that only converts between real and quantized numbers.
bool is_conversion(const Node& node);

/// Whether the node only chooses and places elements, so that it does with quantized ones what it does with real ones:
/// reshape, transpose, slice, gather, concat, padding, maximum pooling. Its first data_operands() operands hold them.
bool is_placing(const Node& node);
std::size_t data_operands(const Node& node);

/// The node that quantizes the result of a product and alone reads it; nullptr when there is none.
Node* quantizer_of(const Node& product);
/// The same with a scale for each channel: as_channel_quantize().
Node* channel_quantizer_of(const Node& product);

/// The post-op of a product whose result has this shape, with its operand as it lies in memory where that is quantized.
PostOp with_quantized_operand(PostOp post_op, const Shape& result);

/// Makes the products of an attention products of integers: what its operands q, k and v of u8 stand for, and its
/// probabilities as u8 (compiler/ops/attention.cpp). The result is f32.
void set_integer_products(Attributes& attention, const std::array<Quantization, 3>& operands,
                          const Quantization& probabilities);

/// Adds quantize and dequantize nodes.
Result<Value*> add_quantize(Builder& build, Value* real, const Quantization& quantization, DType to);
Result<Value*> add_dequantize(Builder& build, Value* q, const Quantization& quantization);

/// The lowest and highest real numbers that a type holds.
float lowest_of(const Quantization& quantization, DType dtype);
float highest_of(const Quantization& quantization, DType dtype);

}  // namespace tegula::compiler
