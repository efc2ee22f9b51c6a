#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "schema/base/result.h"

namespace tegula::compiler {

/// A file that is being written, under a name of its own. It goes with the object unless rename_to() has given it its
/// place. Errors (kInvalidArgument) name the path.
class TemporaryFile {
 public:
  /// Beside `path`, so that renaming stays within one file system.
  static Result<TemporaryFile> create_beside(const std::filesystem::path& path);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  Status append(std::span<const std::byte> bytes);
  Status append_zeros(uint64_t count);
  uint64_t size() const { return size_; }

  /// Everything appended so far, mapped for reading; valid until the file goes or map() is called again.
  Result<std::span<const std::byte>> map();

  /// Ends writing and gives the file its name, replacing what is there.
  Status rename_to(const std::filesystem::path& path);

 private:
  TemporaryFile(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  Error fail(std::string_view what) const;
  void unmap();

  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
  std::span<const std::byte> mapped_;
};

}  // namespace tegula::compiler
