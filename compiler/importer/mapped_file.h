#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "schema/base/result.h"

namespace tegula::compiler {

/// A regular file mapped read-only for as long as somebody holds it. Truncating the file meanwhile ends the process
/// (SIGBUS), as it does for every mapping.
class MappedFile {
 public:
  /// kInvalidFile: it cannot be opened, or is no regular file.
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  MappedFile(void* data, std::size_t size) : data_(data), size_(size) {}
  void* data_;
  std::size_t size_;
};

}  // namespace tegula::compiler
