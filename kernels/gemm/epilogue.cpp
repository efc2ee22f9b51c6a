#include "kernels/gemm/epilogue.h"

namespace tegula::kernels {

std::string EpilogueDesc::name() const {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "+") + part; };
  if (alpha) add("alpha");
  if (bias) add("bias");
  if (!post_ops.empty()) add(to_string(post_ops));
  return text.empty() ? "none" : text;
}

Status check_epilogue(const EpilogueDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_post_ops(desc.post_ops));
  int operands = 0;
  for (const PostOpDesc& post_op : desc.post_ops) {
    if (post_op.operand == OperandKind::kNone) continue;
    ++operands;
    if (post_op.operand_dtype != DType::kF32)
      return Error{ErrorCode::kUnsupported, concat("post-op ", name_of(post_op.function), " has an operand of ",
                                                   name_of(post_op.operand_dtype), "; fp32 kernels take f32 only")};
  }
  if (operands > kMaxEpilogueOperands)
    return Error{ErrorCode::kUnsupported,
                 concat("a chain of post-ops with ", operands, " operands; kernels take ", kMaxEpilogueOperands)};
  return {};
}

float apply_epilogue(const EpilogueDesc& desc, const EpilogueArgs& args, float sum, int64_t row, int64_t n) {
  float x = sum;
  if (desc.alpha) x = args.alpha * x;
  if (desc.bias) x = x + args.bias[n];
  std::size_t next_operand = 0;
  for (const PostOpDesc& post_op : desc.post_ops) {
    float operand = 0;
    if (post_op.operand != OperandKind::kNone) {
      const EpilogueOperand& from = args.operands[next_operand++];
      operand = post_op.operand == OperandKind::kScalar ? from.data[0] : from.data[row * from.row_stride + n];
    }
    x = apply_post_ops({&post_op, 1}, x, {&operand, 1});
  }
  return x;
}

}  // namespace tegula::kernels
