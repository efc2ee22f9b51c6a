#include "compiler/writer/temporary_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tegula::compiler {

Error TemporaryFile::fail(std::string_view what) const {
  return {ErrorCode::kInvalidArgument, concat(path_.string(), ": ", what, ": ", std::strerror(errno))};
}

Result<TemporaryFile> TemporaryFile::create_beside(const std::filesystem::path& path) {
  std::string name = path.string() + ".XXXXXX";
  const int descriptor = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0)
    return Error{ErrorCode::kInvalidArgument, concat(path.string(), ": cannot create a file here: ", std::strerror(errno))};
  return TemporaryFile(name, descriptor);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      mapped_(std::exchange(other.mapped_, {})) {}

TemporaryFile::~TemporaryFile() {
  unmap();
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(path_.c_str());
}

void TemporaryFile::unmap() {
  if (!mapped_.empty()) munmap(const_cast<std::byte*>(mapped_.data()), mapped_.size());
  mapped_ = {};
}

Status TemporaryFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail("cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    size_ += static_cast<uint64_t>(written);
  }
  return {};
}

Status TemporaryFile::append_zeros(uint64_t count) {
  static constexpr std::array<std::byte, 64 * 1024> kZeros{};
  while (count > 0) {
    const uint64_t now = std::min<uint64_t>(count, kZeros.size());
    TEGULA_RETURN_IF_ERROR(append(std::span(kZeros).first(static_cast<std::size_t>(now))));
    count -= now;
  }
  return {};
}

Result<std::span<const std::byte>> TemporaryFile::map() {
  unmap();
  if (size_ == 0) return mapped_;
  void* address = mmap(nullptr, static_cast<std::size_t>(size_), PROT_READ, MAP_SHARED, descriptor_, 0);
  if (address == MAP_FAILED) return fail("cannot map");
  mapped_ = {static_cast<const std::byte*>(address), static_cast<std::size_t>(size_)};
  return mapped_;
}

Status TemporaryFile::rename_to(const std::filesystem::path& path) {
  // mkostemp makes files that only their owner can read; a program file has the usual rights.
  const mode_t mask = umask(0);
  umask(mask);
  if (fchmod(descriptor_, 0666 & ~mask) != 0) return fail("cannot set its permissions");
  if (std::rename(path_.c_str(), path.c_str()) != 0) return fail(concat("cannot rename it to ", path.string()));
  unmap();
  const int descriptor = std::exchange(descriptor_, -1);
  path_ = path;
  if (close(descriptor) != 0) return fail("cannot finish writing");
  return {};
}

}  // namespace tegula::compiler
