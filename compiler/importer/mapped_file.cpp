#include "compiler/importer/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tegula::compiler {
namespace {

Error file_error(const std::filesystem::path& path, const char* what, int number) {
  return {ErrorCode::kInvalidFile, concat(path.string(), ": ", what, ": ", std::strerror(number))};
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return file_error(path, "cannot be opened", errno);
  struct stat status = {};
  void* data = nullptr;
  std::size_t size = 0;
  int failure = 0;
  if (::fstat(descriptor, &status) != 0) {
    failure = errno;
  } else if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Error{ErrorCode::kInvalidFile, concat(path.string(), ": is not a regular file")};
  } else if (status.st_size > 0) {
    size = static_cast<std::size_t>(status.st_size);
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) failure = errno;
  }
  ::close(descriptor);
  if (failure != 0) return file_error(path, "cannot be mapped", failure);
  return std::shared_ptr<const MappedFile>(new MappedFile(data, size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace tegula::compiler
