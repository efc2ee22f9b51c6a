#include "compiler/ops/quantized_ends.h"

#include "compiler/lowering/lower_context.h"

namespace tegula::compiler {

bool has_quantized_ends(const Node& node) {
  return node.attributes.has("to");
}

kernels::QuantizedOperand quantized_source(const Node& node) {
  return {.scale = static_cast<float>(node.attributes.number("src_scale", 1)),
          .zero_point = static_cast<int32_t>(node.attributes.integer("src_zero_point"))};
}

kernels::QuantizedResult quantized_result(const Node& node) {
  return {.scale_inverse = static_cast<float>(node.attributes.number("dst_scale_inverse", 1)),
          .zero_point = static_cast<int32_t>(node.attributes.integer("dst_zero_point"))};
}

Result<DType> infer_quantized_ends(const InferContext& context) {
  const DType src = context.input(0).dtype, to = context.node.attributes.dtype("to");
  if (!kernels::is_quantized(src)) return context.unsupported(concat("a quantized operand of type ", name_of(src)));
  if (!kernels::is_quantized(to) && to != DType::kF32)
    return context.unsupported(concat("a result of type ", name_of(to)));
  const auto source = quantized_source(context.node);
  const auto result = quantized_result(context.node);
  if (!kernels::fits(source.scale, source.zero_point, src) ||
      !kernels::fits(result.scale_inverse, result.zero_point, to))
    return context.error("a scale or zero point that its type does not have");
  return to;
}

std::unique_ptr<schema::QuantizedEndsT> ends_table(const Node& node) {
  if (!has_quantized_ends(node)) return nullptr;
  auto table = std::make_unique<schema::QuantizedEndsT>();
  table->src_scale = quantized_source(node).scale;
  table->src_zero_point = quantized_source(node).zero_point;
  table->dst_scale_inverse = quantized_result(node).scale_inverse;
  table->dst_zero_point = quantized_result(node).zero_point;
  return table;
}

}  // namespace tegula::compiler
