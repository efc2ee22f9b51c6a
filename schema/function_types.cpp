#include "schema/function_types.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace tegula {
namespace {

bool is_number(DType type) {
  return is_float(type) || is_integer(type);
}

/// Whether `function` takes x (its first operand, or its second for `where`).
bool takes(Function function, DType x) {
  switch (function) {
    case Function::k_identity:
    case Function::k_cast:
    case Function::k_equal:
    case Function::k_where: return true;
    case Function::k_abs:
    case Function::k_sign:
    case Function::k_clip:
    case Function::k_relu:
    case Function::k_add:
    case Function::k_sub:
    case Function::k_mul:
    case Function::k_div:
    case Function::k_pow:
    case Function::k_mod:
    case Function::k_fmod:
    case Function::k_min:
    case Function::k_max:
    case Function::k_prelu:
    case Function::k_less:
    case Function::k_less_or_equal:
    case Function::k_greater:
    case Function::k_greater_or_equal:
    case Function::k_squared_difference: return is_number(x);
    case Function::k_neg: return is_float(x) || is_signed_integer(x);
    case Function::k_logical_not:
    case Function::k_logical_and:
    case Function::k_logical_or:
    case Function::k_logical_xor: return x == DType::kBool;
    case Function::k_bitwise_not:
    case Function::k_bitwise_and:
    case Function::k_bitwise_or:
    case Function::k_bitwise_xor: return is_integer(x);
    case Function::k_shift_left:
    case Function::k_shift_right: return is_unsigned_integer(x);
    default: return is_float(x);
  }
}

bool is_quantized(DType type) {
  return type == DType::kU8 || type == DType::kS8;
}

/// The functions that change between real and quantized numbers, whose operands differ in type.
std::optional<DType> result_of_quantization(const FunctionInstruction& instruction, std::span<const DType> operands) {
  const DType x = operands[0];
  const bool from_real = x == DType::kF32, from_quantized = is_quantized(x) || x == DType::kS32;
  switch (instruction.function) {
    case Function::k_quantize:
    case Function::k_requantize:
      return from_real && is_quantized(instruction.to) ? std::optional(instruction.to) : std::nullopt;
    case Function::k_dequantize: return from_quantized ? std::optional(DType::kF32) : std::nullopt;
    case Function::k_quantize_by:
      return from_real && operands[1] == DType::kF32 && is_quantized(operands[2]) ? std::optional(operands[2])
                                                                                  : std::nullopt;
    case Function::k_dequantize_by:
      return from_quantized && operands[1] == DType::kF32 && operands[2] == x ? std::optional(DType::kF32)
                                                                              : std::nullopt;
    default: return std::nullopt;
  }
}

/// What is wrong with a scale and zero point that are parameters; nullopt: nothing.
std::optional<std::string> wrong_quantization(const FunctionInstruction& in, DType quantized) {
  const bool is_signed = quantized == DType::kS8;
  double low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
  if (quantized == DType::kS32) {
    low = std::numeric_limits<int32_t>::min();
    high = std::numeric_limits<int32_t>::max();
  }
  if (!(in.alpha > 0) || !std::isfinite(in.alpha)) return concat("a scale of ", in.alpha);
  const double zero_point = static_cast<double>(in.beta);
  if (!(zero_point >= low && zero_point <= high) || zero_point != std::nearbyint(zero_point))
    return concat("a zero point of ", in.beta, " for ", name_of(quantized));
  return std::nullopt;
}

}  // namespace

std::optional<DType> result_type(const FunctionInstruction& instruction, std::span<const DType> operands) {
  const Function function = instruction.function;
  if (!is_valid(function) || operands.size() != static_cast<std::size_t>(arity_of(function))) return std::nullopt;
  if (!std::all_of(operands.begin(), operands.end(), [](DType type) { return is_valid(type); })) return std::nullopt;
  if (function == Function::k_cast) return is_valid(instruction.to) ? std::optional(instruction.to) : std::nullopt;
  if (converts_quantization(function)) return result_of_quantization(instruction, operands);
  if (function == Function::k_where) {
    if (operands[0] != DType::kBool) return std::nullopt;
    operands = operands.subspan(1);
  }
  const DType type = operands[0];
  if (!takes(function, type)) return std::nullopt;
  const bool mixed = function == Function::k_pow;
  for (const DType other : operands)
    if (mixed ? !is_number(other) : other != type) return std::nullopt;
  return returns_bool(function) ? DType::kBool : type;
}

Result<std::vector<DType>> result_types(const FunctionProgram& program, std::span<const DType> inputs) {
  const auto invalid = [](std::size_t index, auto... what) {
    return Error{ErrorCode::kInvalidArgument, concat("elementwise instruction ", index, ": ", what...)};
  };
  if (program.instructions.empty())
    return Error{ErrorCode::kInvalidArgument, "elementwise program without instructions"};
  if (program.inputs != inputs.size())
    return Error{ErrorCode::kInvalidArgument,
                 concat("elementwise program of ", program.inputs, " inputs gets ", inputs.size())};
  std::vector<DType> types(inputs.begin(), inputs.end());
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const FunctionInstruction& instruction = program.instructions[i];
    if (!is_valid(instruction.function)) return invalid(i, "there is no such function");
    const std::array<uint16_t, 3> operands = {instruction.a, instruction.b, instruction.c};
    std::array<DType, 3> operand_types{};
    const auto arity = static_cast<std::size_t>(arity_of(instruction.function));
    for (std::size_t k = 0; k < arity; ++k) {
      if (operands[k] >= types.size()) return invalid(i, "operand ", operands[k], " does not come earlier");
      operand_types[k] = types[operands[k]];
    }
    const auto type = result_type(instruction, std::span(operand_types).first(arity));
    if (!type) {
      std::string list;
      for (std::size_t k = 0; k < arity; ++k) list += concat(k ? ", " : "", name_of(operand_types[k]));
      return invalid(i, name_of(instruction.function), " is not defined for (", list, ")");
    }
    const Function function = instruction.function;
    if (converts_quantization(function) && arity == 1) {
      const DType quantized = function == Function::k_dequantize ? operand_types[0] : *type;
      if (const auto wrong = wrong_quantization(instruction, quantized)) return invalid(i, name_of(function), ": ", *wrong);
    }
    types.push_back(*type);
  }
  types.erase(types.begin(), types.begin() + static_cast<std::ptrdiff_t>(inputs.size()));
  return types;
}

}  // namespace tegula
