#include "compiler/importer/tensor_pb.h"

#include <onnx/onnx_pb.h>

#include <limits>

#include "compiler/importer/mapped_file.h"
#include "compiler/importer/tensor_reader.h"

namespace tegula::compiler {

Result<Literal> read_tensor_pb_bytes(std::string_view bytes) {
  const auto tensor = std::make_shared<onnx::TensorProto>();
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !tensor->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error{ErrorCode::kInvalidFile, "not a serialized ONNX tensor"};
  ExternalData none;
  return read_tensor(*tensor, tensor, none);
}

Result<Literal> read_tensor_pb(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  auto tensor = read_tensor_pb_bytes({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
  if (!tensor.ok()) return Error{tensor.error().code, concat(path.string(), ": ", tensor.error().message)};
  return tensor;
}

}  // namespace tegula::compiler
