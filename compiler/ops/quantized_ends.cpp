#include "compiler/ops/quantized_ends.h"

#include <algorithm>
#include <array>

#include "compiler/lowering/lower_context.h"

namespace tegula::compiler {
namespace {

using kernels::TensorView;

constexpr std::array<std::size_t, 1> kSourceOnly = {0};

std::span<const std::size_t> or_source(std::span<const std::size_t> operands) {
  return operands.empty() ? std::span<const std::size_t>(kSourceOnly) : operands;
}

bool is_narrow(DType type) {
  return type == DType::kBF16 || kernels::is_quantized(type);
}

}  // namespace

bool has_quantized_ends(const Node& node) {
  return node.attributes.has("to");
}

kernels::QuantizedOperand quantized_operand(const Node& node, std::size_t which) {
  static constexpr const char* kScales[] = {"src_scale", "second_scale", "third_scale"};
  static constexpr const char* kZeroPoints[] = {"src_zero_point", "second_zero_point", "third_zero_point"};
  return {.scale = static_cast<float>(node.attributes.number(kScales[which], 1)),
          .zero_point = static_cast<int32_t>(node.attributes.integer(kZeroPoints[which]))};
}

kernels::QuantizedResult quantized_result(const Node& node) {
  return {.scale_inverse = static_cast<float>(node.attributes.number("dst_scale_inverse", 1)),
          .zero_point = static_cast<int32_t>(node.attributes.integer("dst_zero_point"))};
}

bool has_ends(const InferContext& context, std::span<const std::size_t> operands) {
  const auto list = or_source(operands);
  return has_quantized_ends(context.node) || std::any_of(list.begin(), list.end(), [&](std::size_t i) {
           return context.has_input(i) && is_narrow(context.input(i).dtype);
         });
}

Result<DType> infer_ends(const InferContext& context, std::span<const std::size_t> operands) {
  const auto list = or_source(operands);
  for (std::size_t which = 0; which < list.size(); ++which) {
    if (!context.has_input(list[which])) continue;
    const DType dtype = context.input(list[which]).dtype;
    if (!kernels::is_real_or_quantized(dtype))
      return context.unsupported(concat("an operand of type ", name_of(dtype)));
    if (kernels::is_quantized(dtype) && !has_quantized_ends(context.node))
      return context.unsupported(concat("an operand of type ", name_of(dtype), " without the type of the result"));
    const auto operand = quantized_operand(context.node, which);
    if (!kernels::fits(operand.scale, operand.zero_point, dtype))
      return context.error("a scale or zero point that its type does not have");
  }
  const DType to = context.node.attributes.dtype("to", DType::kF32);
  if (!kernels::is_real_or_quantized(to)) return context.unsupported(concat("a result of type ", name_of(to)));
  const auto result = quantized_result(context.node);
  if (!kernels::fits(result.scale_inverse, result.zero_point, to))
    return context.error("a scale or zero point that its type does not have");
  return to;
}

RealEnds::RealEnds(const Node& node, std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                   std::span<const std::size_t> operands)
    : node_(node),
      inputs_(inputs.begin(), inputs.end()),
      outputs_(outputs.begin(), outputs.end()),
      results_(outputs.begin(), outputs.end()) {
  copies_.reserve(inputs.size() + outputs.size());
  const auto make_room = [&](TensorView& view) -> std::vector<float>& {
    std::vector<float>& copy = copies_.emplace_back(static_cast<std::size_t>(view.count()));
    view = TensorView::contiguous(DType::kF32, view.shape(), static_cast<void*>(copy.data()));
    return copy;
  };
  const auto list = or_source(operands);
  for (std::size_t which = 0; which < list.size(); ++which) {
    if (list[which] >= inputs_.size()) continue;
    TensorView& view = inputs_[list[which]];
    if (view.data == nullptr || !is_narrow(view.dtype)) continue;
    const TensorView narrow = view;
    std::vector<float>& copy = make_room(view);
    const auto operand = quantized_operand(node, which);
    for (std::size_t i = 0; i < copy.size(); ++i)
      copy[i] = kernels::real_at(narrow.dtype, narrow.data, static_cast<int64_t>(i), operand);
  }
  for (TensorView& view : outputs_)
    if (view.data != nullptr && is_narrow(view.dtype)) make_room(view);
}

void RealEnds::store() const {
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const TensorView &real = outputs_[k], &result = results_[k];
    if (result.data == real.data) continue;
    const auto quantization = k == 0 ? quantized_result(node_) : kernels::QuantizedResult{};
    for (int64_t i = 0; i < real.count(); ++i)
      kernels::store_real(result.dtype, result.data, i, real.as<float>()[i], quantization);
  }
}

std::unique_ptr<schema::QuantizedEndsT> ends_table(const Node& node) {
  static constexpr const char* kParameters[] = {"src_scale",         "src_zero_point", "second_scale",
                                                "second_zero_point", "third_scale",    "third_zero_point",
                                                "dst_scale_inverse", "dst_zero_point"};
  const bool has_parameters = std::any_of(std::begin(kParameters), std::end(kParameters),
                                          [&](const char* name) { return node.attributes.has(name); });
  const bool is_quantized =
      kernels::is_quantized(node.input(0)->dtype) || kernels::is_quantized(node.attributes.dtype("to", DType::kF32));
  if (!has_quantized_ends(node) || (!has_parameters && !is_quantized)) return nullptr;
  auto table = std::make_unique<schema::QuantizedEndsT>();
  table->src_scale = quantized_operand(node, 0).scale;
  table->src_zero_point = quantized_operand(node, 0).zero_point;
  table->second_scale = quantized_operand(node, 1).scale;
  table->second_zero_point = quantized_operand(node, 1).zero_point;
  table->third_scale = quantized_operand(node, 2).scale;
  table->third_zero_point = quantized_operand(node, 2).zero_point;
  table->dst_scale_inverse = quantized_result(node).scale_inverse;
  table->dst_zero_point = quantized_result(node).zero_point;
  return table;
}

Status store_bf16(const Node&, const TensorView& real, const TensorView& output) {
  for (int64_t i = 0; i < real.count(); ++i) kernels::store_real(output.dtype, output.data, i, real.as<float>()[i], {});
  return {};
}

Result<DType> infer_real_product(const InferContext& context, bool real_weights) {
  const DType type = context.input(0).dtype, to = context.node.attributes.dtype("to", DType::kF32);
  for (std::size_t i = 0; i < context.node.inputs.size(); ++i) {
    if (!context.has_input(i)) continue;
    const DType operand = context.input(i).dtype;
    if ((operand != DType::kF32 && operand != DType::kBF16) || (i == 2 && operand != DType::kF32))
      return context.unsupported(
          concat("operands of type ", name_of(operand), "; f32 is supported, and bf16 products"));
  }
  if (type != context.input(1).dtype && !(real_weights && context.input(1).dtype == DType::kF32))
    return context.unsupported(concat("a product of ", name_of(type), " and ", name_of(context.input(1).dtype)));
  if (to != DType::kF32 && (to != DType::kBF16 || type != DType::kBF16))
    return context.unsupported(concat("a product of ", name_of(type), " with a result of type ", name_of(to)));
  return to;
}

}  // namespace tegula::compiler
