#include "kernels/post_ops/post_op.h"

#include "kernels/math/apply.h"
#include "kernels/math/math.h"

namespace tegula::kernels {
namespace {

std::string kind_suffix(const PostOpDesc& post_op) {
  std::string text;
  switch (post_op.operand) {
    case OperandKind::kNone: return "";
    case OperandKind::kScalar: text = ":s"; break;
    case OperandKind::kPerChannel: text = ":c"; break;
    case OperandKind::kTensor: text = ":t"; break;
  }
  if (post_op.operand_dtype != DType::kF32) text += "_" + std::string(name_of(post_op.operand_dtype));
  if (post_op.operand_first) text += "_first";
  return text;
}

bool reads_beta(Function function) {
  switch (function) {
    case Function::k_clip:
    case Function::k_selu:
    case Function::k_hard_sigmoid:
    case Function::k_shrink:
    case Function::k_affine: return true;
    default: return false;
  }
}

bool reads_alpha(Function function) {
  switch (function) {
    case Function::k_leaky_relu:
    case Function::k_elu:
    case Function::k_celu:
    case Function::k_thresholded_relu: return true;
    default: return reads_beta(function);
  }
}

}  // namespace

Status check_post_ops(std::span<const PostOpDesc> chain) {
  for (const PostOpDesc& post_op : chain) {
    const math::Fp32Kind kind = math::fp32_kind(post_op.function);
    if (!is_valid(post_op.function) || (kind != math::Fp32Kind::kUnary && kind != math::Fp32Kind::kBinary))
      return Error{ErrorCode::kUnsupported, concat("'", name_of(post_op.function),
                                                   "' cannot be a post-op: it is no function from fp32 to fp32")};
    const bool has_operand = post_op.operand != OperandKind::kNone;
    if (has_operand != (kind == math::Fp32Kind::kBinary))
      return Error{ErrorCode::kUnsupported, concat("post-op '", name_of(post_op.function), "' ",
                                                   has_operand ? "takes no operand" : "needs an operand")};
  }
  return {};
}

float apply_post_ops(std::span<const PostOpDesc> chain, float x, std::span<const float> operands) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const PostOpDesc& post_op = chain[i];
    if (post_op.operand == OperandKind::kNone) {
      x = math::apply(post_op.function, x, post_op.alpha, post_op.beta);
    } else if (post_op.operand_first) {
      x = math::apply(post_op.function, operands[i], x);
    } else {
      x = math::apply(post_op.function, x, operands[i]);
    }
  }
  return x;
}

std::string to_string(std::span<const PostOpDesc> chain) {
  std::string text;
  for (const PostOpDesc& post_op : chain) {
    if (!text.empty()) text += '+';
    text += name_of(post_op.function);
    if (reads_beta(post_op.function)) {
      text += concat('(', float{post_op.alpha}, ',', float{post_op.beta}, ')');
    } else if (reads_alpha(post_op.function)) {
      text += concat('(', float{post_op.alpha}, ')');
    }
    text += kind_suffix(post_op);
  }
  return text;
}

}  // namespace tegula::kernels
