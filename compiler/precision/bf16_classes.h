#pragma once
#include <cstdint>
#include <string_view>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// What becomes of an operation when a compilation asks for bf16.
enum class Bf16Class : uint8_t {
  kAllow,  ///< gains from bf16 and is numerically safe: becomes bf16
  kInfer,  ///< safe, with little to gain: becomes bf16 between operations that are
  kClear,  ///< only places elements: has the type of what is around it
  kDeny,   ///< unsafe: stays fp32
};

std::string_view name_of(Bf16Class bf16_class);

/// What users are told of a class, and why the operation is in it.
struct Bf16Default {
  Bf16Class bf16_class = Bf16Class::kDeny;
  std::string_view reason;
};

/// The class of a node by the table in bf16_classes.cpp, which has a row for each operation, kind and elementwise
/// function; of a chain of functions that of the strictest, in the order clear, infer, deny.
Bf16Default default_bf16_class(const Node& node);

/// The row of an elementwise function.
Bf16Default default_bf16_class(Function function);

}  // namespace tegula::compiler
