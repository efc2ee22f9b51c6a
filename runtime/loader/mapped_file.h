#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::runtime {

/// The bytes of a program file, mapped or copied, until this object goes. Move only.
class MappedFile {
 public:
  /// kMap: shared and read-only; nothing is read yet. kCopy: read into private memory. The message of an error names
  /// the path. An empty file gives an empty span.
  static Result<MappedFile> open(const std::string& path, Load load);

  /// A private copy of `bytes`, on a page boundary.
  static Result<MappedFile> copy(std::span<const std::byte> bytes);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, bytes_}; }

 private:
  MappedFile(std::byte* data, std::size_t bytes) : data_(data), bytes_(bytes) {}

  std::byte* data_ = nullptr;  // always of mmap, also for copies
  std::size_t bytes_ = 0;
};

}  // namespace tegula::runtime
