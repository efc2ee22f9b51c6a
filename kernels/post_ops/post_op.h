#pragma once
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/float_bits.h"
#include "schema/base/dtype.h"
#include "schema/base/result.h"
#include "schema/function.h"

namespace tegula::kernels {

/// Where the second operand of a binary post-op comes from.
enum class OperandKind : uint8_t {
  kNone,
  kScalar,      ///< one value for all of dst
  kPerChannel,  ///< one value per column n: contiguous along the vector
  kTensor,      ///< one value per element of dst
};

/// What a gemm-like kernel does with each fp32 result before it stores it: one link of a chain,
///   x = function(x)                      unary
///   x = function(x, operand)             binary; function(operand, x) with operand_first
/// Part of the kernel's descriptor: alpha and beta are constants of the code, operands are arguments.
struct PostOpDesc {
  Function function = Function::k_identity;
  FloatBits alpha = {}, beta = {};  ///< the parameters of the function's formula (schema/functions.inc)
  OperandKind operand = OperandKind::kNone;
  bool operand_first = false;
  DType operand_dtype = DType::kF32;  ///< as it lies in memory; the kernel converts it to fp32 when it loads it

  auto operator<=>(const PostOpDesc&) const = default;
};

using PostOpChain = std::vector<PostOpDesc>;

/// Refuses (kUnsupported, naming the function) what is no fp32 -> fp32 function that generated code and the
/// plain loops both have, and a binary function without operand or the reverse.
Status check_post_ops(std::span<const PostOpDesc> chain);

/// The chain on one element, in plain C++, to the bit what generated code computes. operands[i] is read
/// where chain[i].operand is not kNone.
float apply_post_ops(std::span<const PostOpDesc> chain, float x, std::span<const float> operands);

/// "relu", "add:c" (per channel), "add:t_u8" (tensor of u8), "clip(0,6)"; joined by '+'. For names of kernels.
std::string to_string(std::span<const PostOpDesc> chain);

}  // namespace tegula::kernels
