#include "kernels/gemm/epilogue.h"

#include "kernels/float16.h"

namespace tegula::kernels {
namespace {

Status check_operands(const EpilogueDesc& desc, bool typed) {
  TEGULA_RETURN_IF_ERROR(check_post_ops(desc.post_ops));
  int operands = 0;
  for (const PostOpDesc& post_op : desc.post_ops) {
    if (post_op.operand == OperandKind::kNone) continue;
    ++operands;
    const DType dtype = post_op.operand_dtype;
    const bool narrow = dtype == DType::kBF16 || dtype == DType::kU8 || dtype == DType::kS8;
    if (dtype != DType::kF32 && !(typed && narrow))
      return Error{ErrorCode::kUnsupported,
                   concat("post-op ", name_of(post_op.function), " has an operand of ", name_of(dtype),
                          typed ? "; kernels take f32, bf16, u8 and s8" : "; fp32 kernels take f32 only")};
  }
  if (operands > kMaxEpilogueOperands)
    return Error{ErrorCode::kUnsupported,
                 concat("a chain of post-ops with ", operands, " operands; kernels take ", kMaxEpilogueOperands)};
  return {};
}

float operand_value(DType dtype, const EpilogueOperand& from, int64_t index) {
  switch (dtype) {
    case DType::kBF16: return f32_from_bf16(static_cast<const uint16_t*>(from.data)[index]);
    case DType::kU8:
      return (static_cast<float>(static_cast<const uint8_t*>(from.data)[index]) - from.zero_point) * from.scale;
    case DType::kS8:
      return (static_cast<float>(static_cast<const int8_t*>(from.data)[index]) - from.zero_point) * from.scale;
    default: return static_cast<const float*>(from.data)[index];
  }
}

float apply_chain(const EpilogueDesc& desc, const EpilogueArgs& args, float x, int64_t row, int64_t n) {
  std::size_t next_operand = 0;
  for (const PostOpDesc& post_op : desc.post_ops) {
    float operand = 0;
    if (post_op.operand != OperandKind::kNone) {
      const EpilogueOperand& from = args.operands[next_operand++];
      const int64_t index = post_op.operand == OperandKind::kScalar ? 0 : row * from.row_stride + n;
      operand = operand_value(post_op.operand_dtype, from, index);
    }
    x = apply_post_ops({&post_op, 1}, x, {&operand, 1});
  }
  return x;
}

}  // namespace

std::string EpilogueDesc::name() const {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "+") + part; };
  if (weight_scale != WeightScale::kNone) add(weight_scale == WeightScale::kPerChannel ? "ws:c" : "ws");
  if (alpha) add("alpha");
  if (bias) add("bias");
  if (quantized.multiplier_per_channel) add("scale:c");
  if (quantized.weight_zero_points) add("wzp");
  if (quantized.src_zero_point != DynamicValue::kStatic)
    add(quantized.src_zero_point == DynamicValue::kPerRow ? "zp:row" : "zp");
  if (quantized.src_scale != DynamicValue::kStatic)
    add(quantized.src_scale == DynamicValue::kPerRow ? "scale:row" : "scale");
  if (!post_ops.empty()) add(to_string(post_ops));
  if (quantized.dst_scale) add("requantize");
  return text.empty() ? "none" : text;
}

Status check_epilogue(const EpilogueDesc& desc) {
  if (desc.quantized != QuantizedSumDesc{})
    return Error{ErrorCode::kUnsupported, concat("epilogue ", desc.name(), ": only integer sums are requantized")};
  if (desc.weight_scale != WeightScale::kNone)
    return Error{ErrorCode::kUnsupported, concat("epilogue ", desc.name(), ": only weights of s8 have scales")};
  return check_operands(desc, false);
}

Status check_typed_epilogue(const EpilogueDesc& desc) {
  return check_operands(desc, true);
}

float apply_epilogue(const EpilogueDesc& desc, const EpilogueArgs& args, float sum, int64_t row, int64_t n) {
  float x = sum;
  if (desc.weight_scale != WeightScale::kNone)
    x = x * args.weight_scales[desc.weight_scale == WeightScale::kPerChannel ? n : 0];
  if (desc.alpha) x = args.alpha * x;
  if (desc.bias) x = x + args.bias[n];
  return apply_chain(desc, args, x, row, n);
}

int32_t complete_integer_sum(const EpilogueDesc& desc, const QuantizedSumArgs& args, uint32_t sum, uint32_t row_sum,
                             uint32_t depth, int64_t row, int64_t n) {
  const QuantizedSumDesc& quantized = desc.quantized;
  const uint32_t weight_zero = quantized.weight_zero_points ? static_cast<uint32_t>(args.weight_zero_points[n]) : 0;
  if (desc.bias) sum += static_cast<uint32_t>(args.bias[n]);
  sum -= weight_zero * row_sum;
  if (quantized.src_zero_point != DynamicValue::kStatic) {
    const bool per_row = quantized.src_zero_point == DynamicValue::kPerRow;
    const auto src_zero = static_cast<uint32_t>(args.src_zero_points[per_row ? row / args.rows_per_src_value : 0]);
    sum -= src_zero * (static_cast<uint32_t>(args.weight_sums[n]) - depth * weight_zero);
  }
  return static_cast<int32_t>(sum);
}

float apply_quantized_epilogue(const EpilogueDesc& desc, const EpilogueArgs& args, int32_t acc, int64_t row,
                               int64_t n) {
  const QuantizedSumDesc& quantized = desc.quantized;
  float multiplier = args.quantized.multipliers[quantized.multiplier_per_channel ? n : 0];
  if (quantized.src_scale != DynamicValue::kStatic) {
    const bool per_row = quantized.src_scale == DynamicValue::kPerRow;
    multiplier *= args.quantized.src_scales[per_row ? row / args.quantized.rows_per_src_value : 0];
  }
  return apply_chain(desc, args, static_cast<float>(acc) * multiplier, row, n);
}

}  // namespace tegula::kernels
