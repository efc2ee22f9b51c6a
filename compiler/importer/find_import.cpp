#include <array>

#include "compiler/importer/onnx_node.h"

namespace tegula::compiler {

#define TEGULA_ONNX_OP(domain, op_type, since, function) \
  Result<std::vector<Value*>> function(ImportContext& context, const OnnxNode& node);
#include "compiler/importer/onnx_ops.inc"
#undef TEGULA_ONNX_OP

namespace {

struct Row {
  std::string_view domain, op_type;
  int since;
  ImportFunction import;
};

// The closing row keeps the array from being empty.
constexpr Row kRows[] = {
#define TEGULA_ONNX_OP(domain, op_type, since, function) {domain, op_type, since, function},
#include "compiler/importer/onnx_ops.inc"
#undef TEGULA_ONNX_OP
    {"", "", 0, nullptr},
};

}  // namespace

ImportFunction find_import(std::string_view domain, std::string_view op_type, int version) {
  const Row* best = nullptr;
  for (const Row& row : kRows)
    if (row.domain == domain && row.op_type == op_type && row.since <= version &&
        (best == nullptr || row.since > best->since))
      best = &row;
  return best == nullptr ? nullptr : best->import;
}

}  // namespace tegula::compiler
