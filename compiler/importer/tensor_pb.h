#pragma once
#include <filesystem>
#include <string_view>

#include "compiler/graph/literal.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// A serialized TensorProto, as ONNX's test data sets hold them (input_0.pb): the element type is the file's, FP16 too.
Result<Literal> read_tensor_pb(const std::filesystem::path& path);
Result<Literal> read_tensor_pb_bytes(std::string_view bytes);

}  // namespace tegula::compiler
