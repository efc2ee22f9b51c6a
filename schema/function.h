#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "schema/base/dtype.h"

namespace tegula {

/// Elementwise functions: nodes of the graph, instructions of fused chains and post-ops of
/// gemm-like steps all speak of these. Defined, with their numbers, in functions.inc.
enum class Function : uint16_t {
#define TEGULA_FUNCTION(name, number, arity, formula) k_##name = number,
#include "schema/functions.inc"
#undef TEGULA_FUNCTION
};

bool is_valid(Function function);
int arity_of(Function function);                ///< 1, 2 or 3 operands
std::string_view name_of(Function function);    ///< as in functions.inc: "add", "gelu_erf"
std::optional<Function> function_from_name(std::string_view name);

/// Whether the result is bool whatever the operands are: comparisons, is_nan, is_inf.
bool returns_bool(Function function);

/// Whether the function changes between real and quantized numbers: quantize, requantize, dequantize and the forms whose
/// scales are operands.
bool converts_quantization(Function function);

/// One step of a fused elementwise chain. Operands below the number of inputs name an input of the
/// program, the others the result of instruction (operand - inputs), which must come earlier.
struct FunctionInstruction {
  Function function = Function::k_identity;
  uint16_t a = 0, b = 0, c = 0;  ///< as many as arity_of(function) are read
  float alpha = 0, beta = 0;     ///< the parameters that the formula names
  DType to = DType::kF32;        ///< the result's type for `cast`, `quantize` and `requantize`; not read otherwise

  auto operator<=>(const FunctionInstruction&) const = default;
};

/// A chain of elementwise functions over broadcast inputs; the last instruction is the result.
struct FunctionProgram {
  uint16_t inputs = 0;
  std::vector<FunctionInstruction> instructions;  ///< at least one

  auto operator<=>(const FunctionProgram&) const = default;
};

}  // namespace tegula
