#include "compiler/lowering/spool_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace tegula::compiler {
namespace {

Error system_error(const std::filesystem::path& folder, std::string_view what) {
  const int code = errno;
  return {code == ENOSPC || code == ENOMEM || code == EDQUOT ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidArgument,
          concat("temporary file in '", folder.string(), "': ", what, ": ", std::strerror(code))};
}

}  // namespace

Result<SpoolFile> SpoolFile::create_in(const std::filesystem::path& folder) {
  std::string path = (folder / "tegula.XXXXXX").string();
  const int descriptor = mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) return system_error(folder, "cannot create it");
  unlink(path.c_str());
  return SpoolFile(folder, descriptor);
}

SpoolFile::SpoolFile(SpoolFile&& other) noexcept
    : folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      mapped_(std::exchange(other.mapped_, {})) {}

std::string SpoolFile::path() const {
  return concat("/proc/self/fd/", descriptor_);
}

SpoolFile::~SpoolFile() {
  unmap();
  if (descriptor_ >= 0) close(descriptor_);
}

void SpoolFile::unmap() {
  if (!mapped_.empty()) munmap(const_cast<std::byte*>(mapped_.data()), mapped_.size());
  mapped_ = {};
}

Status SpoolFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(folder_, "cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    size_ += static_cast<uint64_t>(written);
  }
  return {};
}

Result<std::span<const std::byte>> SpoolFile::map() {
  unmap();
  if (size_ == 0) return mapped_;
  void* address = mmap(nullptr, static_cast<std::size_t>(size_), PROT_READ, MAP_SHARED, descriptor_, 0);
  if (address == MAP_FAILED) return system_error(folder_, "cannot map it");
  mapped_ = {static_cast<const std::byte*>(address), static_cast<std::size_t>(size_)};
  return mapped_;
}

}  // namespace tegula::compiler
