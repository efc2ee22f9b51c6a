#include "compiler/passes/quantization.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "compiler/ops/quantized_product.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr std::array<std::string_view, 4> kPlacing = {"reshape", "transpose", "slice", "gather"};

std::optional<QuantizedLink> link_of(const Value* value, Function function) {
  if (value == nullptr || !is_function(value->producer, function)) return std::nullopt;
  const FunctionInstruction& instruction = *single_function(*value->producer);
  return QuantizedLink{value->producer->input(0),
                       {.scale = instruction.alpha, .zero_point = static_cast<int32_t>(instruction.beta)}};
}

bool is_single(const Value* value) {
  return std::all_of(value->shape.begin(), value->shape.end(), [](const Dim& dim) { return dim.is(1); });
}

/// Elements of a constant that, broadcast to `shape`, runs along `axis` only: one, or one per index.
std::optional<std::vector<double>> along(const Value* value, const Shape& shape, int axis) {
  if (!value->is_constant() || value->rank() > static_cast<int>(shape.size())) return std::nullopt;
  const int offset = static_cast<int>(shape.size()) - value->rank();
  for (int d = 0; d < value->rank(); ++d)
    if (!value->shape[static_cast<std::size_t>(d)].is(1) && d + offset != axis) return std::nullopt;
  if (!is_float(value->dtype)) {
    const std::vector<int64_t> ints = value->literal->to_ints();
    return std::vector<double>(ints.begin(), ints.end());
  }
  return value->literal->to_doubles();
}

float real_of(double q, const Quantization& quantization) {
  return static_cast<float>((q - quantization.zero_point) * static_cast<double>(quantization.scale));
}

}  // namespace

std::optional<ClipBounds> clip_bounds(Function function, float alpha, float beta) {
  if (function == Function::k_relu) return ClipBounds{0, std::numeric_limits<float>::infinity()};
  if (function == Function::k_clip) return ClipBounds{alpha, beta};
  return std::nullopt;
}

bool saturates_within(const ClipBounds& bounds, const Quantization& quantization, DType to) {
  const auto quantized = [&](float bound) {
    return std::nearbyint(static_cast<double>(bound / quantization.scale)) + quantization.zero_point;
  };
  const bool is_signed = to == DType::kS8;
  return quantized(bounds.low) <= (is_signed ? -128 : 0) && quantized(bounds.high) >= (is_signed ? 127 : 255);
}

std::optional<QuantizedLink> as_dequantize(const Value* value) {
  return link_of(value, Function::k_dequantize);
}

std::optional<QuantizedLink> as_quantize(const Value* value) {
  return link_of(value, Function::k_quantize);
}

std::optional<ChannelQuantizedLink> as_channel_quantize(const Value* value) {
  if (value == nullptr || !is_function(value->producer, Function::k_quantize_by)) return std::nullopt;
  const Node& node = *value->producer;
  const Value &x = *node.inputs[0], &scales = *node.inputs[1], &zero_point = *node.inputs[2];
  if (x.rank() == 0 || x.shape != value->shape || !scales.is_constant() || scales.shape != Shape{x.shape.back()} ||
      !zero_point.is_constant() || zero_point.literal->count() != 1)
    return std::nullopt;
  const std::vector<double> numbers = scales.literal->to_doubles();
  return ChannelQuantizedLink{node.inputs[0], std::vector<float>(numbers.begin(), numbers.end()),
                              static_cast<int32_t>(zero_point.literal->to_ints()[0])};
}

std::optional<DynamicLink> as_dynamic_dequantize(const Value* value) {
  if (value == nullptr || !is_function(value->producer, Function::k_dequantize_by)) return std::nullopt;
  const Node& node = *value->producer;
  const Shape& shape = node.inputs[0]->shape;
  const auto fits = [&](const Value* operand) {
    return is_single(operand) || operand->shape == source_rows(shape) || operand->shape == source_images(shape);
  };
  if (!fits(node.inputs[1]) || !fits(node.inputs[2]) || node.inputs[0]->is_constant()) return std::nullopt;
  return DynamicLink{node.inputs[0], node.inputs[1], node.inputs[2]};
}

bool DynamicLink::is_per_tensor() const {
  return is_single(scale) && is_single(zero_point);
}

std::optional<DequantizedConstant> as_dequantized_constant(const Value* value, int axis) {
  if (const auto link = as_dequantize(value)) {
    if (!link->source->is_constant()) return std::nullopt;
    return DequantizedConstant{&*link->source->literal, {link->quantization.scale}, {link->quantization.zero_point}};
  }
  if (value == nullptr || !is_function(value->producer, Function::k_dequantize_by)) return std::nullopt;
  const Node& node = *value->producer;
  if (!node.inputs[0]->is_constant()) return std::nullopt;
  const auto scales = along(node.inputs[1], value->shape, axis),
             zero_points = along(node.inputs[2], value->shape, axis);
  if (!scales || !zero_points) return std::nullopt;
  return DequantizedConstant{&*node.inputs[0]->literal, std::vector<float>(scales->begin(), scales->end()),
                             std::vector<int64_t>(zero_points->begin(), zero_points->end())};
}

bool is_dequantized_constant(const Value* value) {
  if (value == nullptr || value->producer == nullptr) return false;
  const Node* node = value->producer;
  return (is_function(node, Function::k_dequantize) || is_function(node, Function::k_dequantize_by)) &&
         std::all_of(node->inputs.begin(), node->inputs.end(), [](const Value* input) { return input->is_constant(); });
}

bool is_conversion(const Node& node) {
  if (node.op != &eltwise_op) return false;
  const auto& instructions = node.attributes.program("program").instructions;
  return std::all_of(instructions.begin(), instructions.end(),
                     [](const FunctionInstruction& in) { return converts_quantization(in.function); });
}

bool is_placing(const Node& node) {
  if (is_op(&node, "gather") && node.inputs.size() > 2) return false;  // it has scales
  if (std::find(kPlacing.begin(), kPlacing.end(), node.op->name) != kPlacing.end()) return true;
  if (is_op(&node, "concat") || is_op(&node, "pad")) return true;
  if (!is_op(&node, "pool") || node.attributes.text("kind") != "max") return false;
  const Value* indices = node.output(1);
  return indices == nullptr || (indices->users.empty() && !indices->is_output);
}

std::size_t data_operands(const Node& node) {
  return is_op(&node, "concat") ? node.inputs.size() : 1;
}

Node* quantizer_of(const Node& product) {
  Node* const reader = only_user(product.output());
  return reader != nullptr && as_quantize(reader->output()) ? reader : nullptr;
}

Node* channel_quantizer_of(const Node& product) {
  Node* const reader = only_user(product.output());
  const auto link = reader == nullptr ? std::nullopt : as_channel_quantize(reader->output());
  return link && link->source == product.output() ? reader : nullptr;
}

PostOp with_quantized_operand(PostOp post_op, const Shape& result) {
  if (post_op.operand == nullptr || post_op.operand->shape != result) return post_op;
  const auto link = as_dequantize(post_op.operand);
  if (!link || (link->source->dtype != DType::kU8 && link->source->dtype != DType::kS8)) return post_op;
  post_op.operand = link->source;
  post_op.operand_scale = link->quantization.scale;
  post_op.operand_zero_point = link->quantization.zero_point;
  return post_op;
}

void set_integer_products(Attributes& attention, const std::array<Quantization, 3>& operands,
                          const Quantization& probabilities) {
  const auto set = [&](const char* scale, const char* zero_point, const Quantization& quantization) {
    attention.set(scale, static_cast<double>(quantization.scale));
    if (quantization.zero_point != 0) attention.set(zero_point, int64_t{quantization.zero_point});
  };
  set("src_scale", "src_zero_point", operands[0]);
  set("second_scale", "second_zero_point", operands[1]);
  set("third_scale", "third_zero_point", operands[2]);
  set("probability_scale", "probability_zero_point", probabilities);
  attention.set("to", DType::kF32);
}

Result<Value*> add_quantize(Builder& build, Value* real, const Quantization& quantization, DType to) {
  return build.add("eltwise", {real},
                   {{"program", one_function(Function::k_quantize, quantization.scale,
                                             static_cast<float>(quantization.zero_point), to)}});
}

Result<Value*> add_dequantize(Builder& build, Value* q, const Quantization& quantization) {
  return build.function(Function::k_dequantize, {q}, quantization.scale, static_cast<float>(quantization.zero_point));
}

float lowest_of(const Quantization& quantization, DType dtype) {
  return real_of(dtype == DType::kS8 ? -128 : 0, quantization);
}

float highest_of(const Quantization& quantization, DType dtype) {
  return real_of(dtype == DType::kS8 ? 127 : 255, quantization);
}

}  // namespace tegula::compiler
