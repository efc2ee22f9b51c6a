#include "compiler/importer/onnx_types.h"

#include <array>
#include <string_view>

namespace tegula::compiler {
namespace {

struct Row {
  std::string_view name;
  std::optional<DType> dtype;
};

/// By ONNX's numbers, onnx.proto TensorProto.DataType.
constexpr std::array<Row, 27> kTypes = {{
    {"UNDEFINED", std::nullopt},
    {"FLOAT", DType::kF32},
    {"UINT8", DType::kU8},
    {"INT8", DType::kS8},
    {"UINT16", DType::kU16},
    {"INT16", DType::kS16},
    {"INT32", DType::kS32},
    {"INT64", DType::kS64},
    {"STRING", std::nullopt},
    {"BOOL", DType::kBool},
    {"FLOAT16", DType::kF16},
    {"DOUBLE", DType::kF64},
    {"UINT32", DType::kU32},
    {"UINT64", DType::kU64},
    {"COMPLEX64", std::nullopt},
    {"COMPLEX128", std::nullopt},
    {"BFLOAT16", DType::kBF16},
    {"FLOAT8E4M3FN", std::nullopt},
    {"FLOAT8E4M3FNUZ", std::nullopt},
    {"FLOAT8E5M2", std::nullopt},
    {"FLOAT8E5M2FNUZ", std::nullopt},
    {"UINT4", std::nullopt},
    {"INT4", std::nullopt},
    {"FLOAT4E2M1", std::nullopt},
    {"FLOAT8E8M0", std::nullopt},
    {"UINT2", std::nullopt},
    {"INT2", std::nullopt},
}};

bool is_known(int64_t number) {
  return number >= 0 && number < static_cast<int64_t>(kTypes.size());
}

}  // namespace

std::optional<DType> dtype_from_onnx(int64_t number) {
  return is_known(number) ? kTypes[static_cast<std::size_t>(number)].dtype : std::nullopt;
}

std::string onnx_type_name(int64_t number) {
  return is_known(number) ? std::string(kTypes[static_cast<std::size_t>(number)].name)
                          : "type " + std::to_string(number);
}

}  // namespace tegula::compiler
