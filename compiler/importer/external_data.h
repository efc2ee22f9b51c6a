#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "compiler/importer/mapped_file.h"
#include "schema/base/result.h"

namespace onnx {
class TensorProto;
}

namespace tegula::compiler {

/// The files beside a model that hold tensors (TensorProto.external_data), each mapped once. A location is a relative
/// path that stays, symbolic links resolved, in the model's folder; everything else is refused.
class ExternalData {
 public:
  /// Without a folder (a model in memory) every external tensor is refused.
  explicit ExternalData(std::optional<std::filesystem::path> folder = std::nullopt) : folder_(std::move(folder)) {}

  /// The bytes of a tensor whose data_location is EXTERNAL: exactly `bytes_needed` of them, inside the file. The spans
  /// live as long as `owner` does.
  struct Bytes {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  Result<Bytes> find(const onnx::TensorProto& tensor, std::size_t bytes_needed);

 private:
  Result<std::shared_ptr<const MappedFile>> open(const std::string& location);

  std::optional<std::filesystem::path> folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace tegula::compiler
