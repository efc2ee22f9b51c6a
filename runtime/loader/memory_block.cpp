#include "runtime/loader/memory_block.h"

#include <sys/mman.h>

#include <cstdint>
#include <utility>

namespace tegula::runtime {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

Result<MemoryBlock> MemoryBlock::allocate(std::size_t bytes) {
  if (bytes == 0) return MemoryBlock();
  // Huge pages need a start on their own boundary.
  const bool huge = bytes >= kHugePage;
  const std::size_t mapped_bytes = huge ? bytes + kHugePage : bytes;
  void* mapped = mapped_bytes < bytes ? MAP_FAILED
                                      : mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return Error{ErrorCode::kOutOfMemory, concat("cannot allocate ", bytes, " bytes")};
  auto* data = static_cast<std::byte*>(mapped);
  if (huge) {
    const auto address = reinterpret_cast<uintptr_t>(mapped);
    data += (kHugePage - address % kHugePage) % kHugePage;
    madvise(data, bytes, MADV_HUGEPAGE);  // a wish: without it everything works, on small pages
  }
  return MemoryBlock(data, bytes, mapped, mapped_bytes);
}

MemoryBlock::MemoryBlock(MemoryBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)) {}

MemoryBlock& MemoryBlock::operator=(MemoryBlock&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  return *this;
}

MemoryBlock::~MemoryBlock() {
  if (mapped_ != nullptr) munmap(mapped_, mapped_bytes_);
}

void MemoryBlock::make_read_only() const {
  if (mapped_ != nullptr) mprotect(mapped_, mapped_bytes_, PROT_READ);
}

}  // namespace tegula::runtime
