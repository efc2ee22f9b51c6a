#include "schema/function.h"

#include <array>

namespace tegula {
namespace {

struct Row {
  Function function;
  std::string_view name;
  int arity;
};

constexpr Row kRows[] = {
#define TEGULA_FUNCTION(name, number, arity, formula) {Function::k_##name, #name, arity},
#include "schema/functions.inc"
#undef TEGULA_FUNCTION
};

// The numbers run without a gap, so a row is found by its number.
constexpr bool rows_are_dense() {
  for (std::size_t i = 0; i < std::size(kRows); ++i)
    if (static_cast<std::size_t>(kRows[i].function) != i) return false;
  return true;
}
static_assert(rows_are_dense());

const Row& row_of(Function function) { return kRows[static_cast<std::size_t>(function)]; }

}  // namespace

bool is_valid(Function function) { return static_cast<std::size_t>(function) < std::size(kRows); }

int arity_of(Function function) { return is_valid(function) ? row_of(function).arity : 0; }

std::string_view name_of(Function function) { return is_valid(function) ? row_of(function).name : "?"; }

std::optional<Function> function_from_name(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.function;
  return std::nullopt;
}

bool returns_bool(Function function) {
  switch (function) {
    case Function::k_is_nan:
    case Function::k_is_inf:
    case Function::k_equal:
    case Function::k_less:
    case Function::k_less_or_equal:
    case Function::k_greater:
    case Function::k_greater_or_equal:
    case Function::k_logical_not:
    case Function::k_logical_and:
    case Function::k_logical_or:
    case Function::k_logical_xor: return true;
    default: return false;
  }
}

bool converts_quantization(Function function) {
  switch (function) {
    case Function::k_quantize:
    case Function::k_requantize:
    case Function::k_dequantize:
    case Function::k_quantize_by:
    case Function::k_dequantize_by: return true;
    default: return false;
  }
}

}  // namespace tegula
