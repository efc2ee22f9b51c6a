#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "schema/base/result.h"

namespace tegula::compiler {

/// Bytes put aside on disk while a program is made: a file without a name, gone when the object is. kInvalidArgument:
/// the folder cannot be written; kOutOfMemory: no space is left.
class SpoolFile {
 public:
  static Result<SpoolFile> create_in(const std::filesystem::path& folder);
  SpoolFile(SpoolFile&& other) noexcept;
  SpoolFile& operator=(SpoolFile&&) = delete;
  ~SpoolFile();

  Status append(std::span<const std::byte> bytes);
  uint64_t size() const { return size_; }
  /// Under which this process can open it, as long as the object is there.
  std::string path() const;

  /// Everything appended so far, mapped for reading; valid as long as the object, or until map() is called again.
  Result<std::span<const std::byte>> map();

 private:
  SpoolFile(std::filesystem::path folder, int descriptor) : folder_(std::move(folder)), descriptor_(descriptor) {}
  void unmap();

  std::filesystem::path folder_;  // for messages
  int descriptor_ = -1;
  uint64_t size_ = 0;
  std::span<const std::byte> mapped_;
};

}  // namespace tegula::compiler
