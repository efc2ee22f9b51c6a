#pragma once
#include <cstddef>
#include <cstdint>

#include "schema/function.h"

namespace tegula::kernels {

/// Contiguous operands of one instruction, as many as its function has.
struct BlockOperands {
  const std::byte* x = nullptr;
  const std::byte* y = nullptr;
  const std::byte* z = nullptr;
};

/// out[i] = function(operands[i]) for i < count: one instruction of a program on contiguous elements of `type`, which
/// is the type of x (of y for `where`). Casts are cast_block(); pow with an exponent of another type is pow_block(),
/// quantization is quantize_block(). No operand overlaps `out`.
void apply_block(const FunctionInstruction& instruction, DType type, const BlockOperands& operands, std::byte* out,
                 int64_t count);

/// x ^ y in x's type, with y of type `exponent_type`. An integer x with an integer y wraps around (0 ^ y for negative
/// y is 0); with a float y it is computed in double and truncated. A float x takes y converted to its type.
void pow_block(DType type, DType exponent_type, const BlockOperands& operands, std::byte* out, int64_t count);

/// The functions of converts_quantization(), from x's type to the result's.
void quantize_block(const FunctionInstruction& instruction, DType x_type, DType result_type,
                    const BlockOperands& operands, std::byte* out, int64_t count);

// The parts of apply_block by type.
void apply_f32_block(const FunctionInstruction& instruction, const float* x, const float* y, std::byte* out,
                     int64_t count);
void apply_f64_block(const FunctionInstruction& instruction, const double* x, const double* y, std::byte* out,
                     int64_t count);
void apply_integer_block(const FunctionInstruction& instruction, DType type, const BlockOperands& operands,
                         std::byte* out, int64_t count);

/// The largest block that apply_block and pow_block take.
inline constexpr int64_t kEltwiseBlock = 128;

}  // namespace tegula::kernels
