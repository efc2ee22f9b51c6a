#include "compiler/ops/quantized_product.h"

#include <cmath>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/quantized_ends.h"
#include "kernels/quantize/requantize.h"

namespace tegula::compiler {
namespace {

/// Absent, or of this type and with one element per channel (or, where allowed, one for all).
Status check_operand(const InferContext& context, std::size_t index, DType dtype, const Dim& channels, bool per_channel,
                     bool one_for_all) {
  if (!context.has_input(index)) return {};
  const Value& value = context.input(index);
  const bool fits = (per_channel && value.shape == Shape{channels}) || (one_for_all && value.shape.empty());
  if (value.dtype == dtype && fits) return {};
  return context.error(concat("operand ", index, " is ", name_of(value.dtype), to_string(value.shape), " for ",
                              channels.to_string(), " channels"));
}

/// One for all of the source, or one for each part of it.
Status check_source_operand(const InferContext& context, std::size_t index, DType dtype, const Shape& parts) {
  if (!context.has_input(index)) return {};
  const Value& value = context.input(index);
  if (value.dtype == dtype && (value.shape.empty() || value.shape == parts)) return {};
  return context.error(concat("operand ", index, " is ", name_of(value.dtype), to_string(value.shape), " where ",
                              name_of(dtype), "[] or ", to_string(parts), " is expected"));
}

bool is_zero_point_of(int64_t zero_point, DType dtype) {
  if (dtype == DType::kU8) return zero_point >= 0 && zero_point <= 255;
  return dtype == DType::kS8 ? zero_point >= -128 && zero_point <= 127 : zero_point == 0;
}

}  // namespace

Shape source_rows(const Shape& source) {
  Shape rows = source;
  if (!rows.empty()) rows.back() = Dim(1);
  return rows;
}

Shape source_images(const Shape& source) {
  Shape images(source.size(), Dim(1));
  if (!images.empty()) images[0] = source[0];
  return images;
}

Result<DType> infer_quantized_product(InferContext& context, const Dim& channels, const Shape& parts, DType right) {
  const Node& node = context.node;
  if (context.input(0).dtype != DType::kU8 || context.input(1).dtype != right)
    return context.unsupported(concat("a product of ", name_of(context.input(0).dtype), " by ",
                                      name_of(context.input(1).dtype), "; u8 by ", name_of(right), " is supported"));
  const DType to = node.attributes.dtype("to", DType::kF32);
  if (to != DType::kU8 && to != DType::kS8 && to != DType::kBF16 && to != DType::kF32 && to != DType::kS32)
    return context.unsupported(concat("a result of type ", name_of(to)));
  TEGULA_RETURN_IF_ERROR(check_operand(context, kQuantizedBias, DType::kS32, channels, true, false));
  TEGULA_RETURN_IF_ERROR(check_operand(context, kQuantizedMultipliers, DType::kF32, channels, true, true));
  TEGULA_RETURN_IF_ERROR(check_operand(context, kWeightZeroPoints, DType::kS32, channels, true, false));
  TEGULA_RETURN_IF_ERROR(check_source_operand(context, kSourceZeroPoint, DType::kS32, parts));
  TEGULA_RETURN_IF_ERROR(check_source_operand(context, kSourceScale, DType::kF32, parts));
  if (node.inputs.size() > kQuantizedOperands) return context.error(concat(node.inputs.size(), " operands"));
  const bool is_integer = to == DType::kS32;
  if (context.has_input(kQuantizedMultipliers) == is_integer)
    return context.error(is_integer ? "an s32 result has no multipliers" : "the multipliers are missing");
  if (is_integer && (context.has_input(kSourceScale) || !node.post_ops.empty()))
    return context.error("an s32 result has no scale and no post-ops");
  if (!is_zero_point_of(node.attributes.integer("src_zero_point"), DType::kU8) ||
      !is_zero_point_of(node.attributes.integer("dst_zero_point"), to))
    return context.error(concat("zero points ", node.attributes.integer("src_zero_point"), " and ",
                                node.attributes.integer("dst_zero_point")));
  const double inverse = node.attributes.number("dst_scale_inverse", 1);
  if (!(inverse > 0) || !std::isfinite(inverse)) return context.error(concat("an inverse scale of ", inverse));
  return to;
}

ProductEpilogue::ProductEpilogue(const Node&, std::span<const kernels::TensorView> inputs) : inputs_(inputs) {}

int32_t ProductEpilogue::at(std::size_t operand, int64_t index) const {
  if (operand >= inputs_.size() || inputs_[operand].data == nullptr) return 0;
  return inputs_[operand].as<int32_t>()[inputs_[operand].rank == 0 ? 0 : index];
}

void ProductEpilogue::write(const ProductSums& sums, int64_t part, int64_t channel, const kernels::TensorView& dst,
                            int64_t offset) const {
  const auto bias = static_cast<uint32_t>(at(kQuantizedBias, channel));
  const auto z_w = static_cast<uint32_t>(at(kWeightZeroPoints, channel));
  const auto z_x = static_cast<uint32_t>(at(kSourceZeroPoint, part));
  const uint32_t wrapped = sums.products + bias - z_w * sums.sources - z_x * sums.weights + sums.count * z_x * z_w;
  const auto acc = static_cast<int32_t>(wrapped);
  if (dst.dtype == DType::kS32) {
    dst.as<int32_t>()[offset] = acc;
    return;
  }
  const kernels::TensorView& multipliers = inputs_[kQuantizedMultipliers];
  float multiplier = multipliers.as<float>()[multipliers.rank == 0 ? 0 : channel];
  if (kSourceScale < inputs_.size() && inputs_[kSourceScale].data != nullptr)
    multiplier *= inputs_[kSourceScale].as<float>()[inputs_[kSourceScale].rank == 0 ? 0 : part];
  dst.as<float>()[offset] = static_cast<float>(acc) * multiplier;
}

Status store_quantized(const Node& node, const kernels::TensorView& real, const kernels::TensorView& dst) {
  const auto inverse = static_cast<float>(node.attributes.number("dst_scale_inverse", 1));
  const auto zero_point = static_cast<int32_t>(node.attributes.integer("dst_zero_point"));
  const int64_t count = dst.count();
  if (dst.dtype == DType::kBF16) return store_bf16(node, real, dst);
  for (int64_t i = 0; i < count; ++i) {
    const float f = real.as<float>()[i];
    if (dst.dtype == DType::kU8)
      dst.as<uint8_t>()[i] = kernels::requantize<uint8_t>(f, inverse, zero_point);
    else
      dst.as<int8_t>()[i] = kernels::requantize<int8_t>(f, inverse, zero_point);
  }
  return {};
}

std::unique_ptr<schema::RequantizeT> lower_requantize(LowerContext& context, const Node& node,
                                                      const std::vector<int32_t>& weight_sums) {
  auto table = std::make_unique<schema::RequantizeT>();
  table->multipliers = context.value(node.input(kQuantizedMultipliers));
  table->src_zero_point = static_cast<int32_t>(node.attributes.integer("src_zero_point"));
  table->src_zero_point_value = context.value(node.input(kSourceZeroPoint));
  table->src_scale_value = context.value(node.input(kSourceScale));
  table->weight_zero_points = context.value(node.input(kWeightZeroPoints));
  if (node.input(kSourceZeroPoint) != nullptr) {
    const auto* bytes = reinterpret_cast<const std::byte*>(weight_sums.data());
    table->weight_sums = context.packed_constant(
        concat(node.input(kQuantizedWeights)->name, "_sums"), DType::kS32, {static_cast<int64_t>(weight_sums.size())},
        Packing::kPlain, std::vector<std::byte>(bytes, bytes + weight_sums.size() * sizeof(int32_t)));
  }
  table->dst_scale_inverse = static_cast<float>(node.attributes.number("dst_scale_inverse", 1));
  table->dst_zero_point = static_cast<int32_t>(node.attributes.integer("dst_zero_point"));
  return table;
}

}  // namespace tegula::compiler
