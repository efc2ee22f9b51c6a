#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "schema/base/dtype.h"

namespace tegula::compiler {

/// The element type with ONNX's number (TensorProto.DataType); nullopt for those that we do not have: strings, complex
/// numbers, 4- and 8-bit floats ...
std::optional<DType> dtype_from_onnx(int64_t number);
/// "FLOAT8E4M3FN", or "type 99".
std::string onnx_type_name(int64_t number);

/// The type that the graph computes in where the model says `type`: FP16 and BF16 are widened to FP32.
constexpr DType computed_type(DType type) {
  return type == DType::kF16 || type == DType::kBF16 ? DType::kF32 : type;
}

}  // namespace tegula::compiler
