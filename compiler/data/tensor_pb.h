#pragma once
#include <filesystem>
#include <string_view>

#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// Reads a serialized ONNX TensorProto, the format of input_N.pb and output_N.pb in ONNX's test data. The few fields
/// that matter are read from protobuf's wire format here, so that tools which only want data do not need ONNX or
/// protobuf libraries. Element types that Tegula has no type for (strings, FLOAT8, INT4, complex) are kUnsupported by
/// name; anything inconsistent is kInvalidFile; data kept in another file is refused. `what` names the file in
/// messages.
Result<NamedTensor> parse_tensor_pb(std::string_view bytes, std::string_view what);
Result<NamedTensor> read_tensor_pb(const std::filesystem::path& path);

}  // namespace tegula::data
