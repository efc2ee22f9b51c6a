#pragma once
#include <cstddef>

#include "schema/base/result.h"

namespace tegula::runtime {

/// Zeroed private memory straight from the operating system, on a page boundary; pages exist from their first touch on.
/// Blocks of 2 MiB and more ask for huge pages. Move only.
class MemoryBlock {
 public:
  /// kOutOfMemory when there is not that much address space. 0 bytes give an empty block.
  static Result<MemoryBlock> allocate(std::size_t bytes);

  MemoryBlock() = default;
  MemoryBlock(MemoryBlock&& other) noexcept;
  MemoryBlock& operator=(MemoryBlock&& other) noexcept;
  ~MemoryBlock();

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

  /// From now on writing to it faults.
  void make_read_only() const;

 private:
  MemoryBlock(std::byte* data, std::size_t bytes, void* mapped, std::size_t mapped_bytes)
      : data_(data), bytes_(bytes), mapped_(mapped), mapped_bytes_(mapped_bytes) {}

  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  void* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

}  // namespace tegula::runtime
