#include "compiler/data/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "compiler/data/tensor_data.h"

namespace tegula::data {
namespace {

Error system_error(const std::filesystem::path& path, std::string_view what) {
  const int code = errno;
  return {code == ENOSPC || code == ENOMEM || code == EDQUOT ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidArgument,
          concat(what, " ", in_quotes(path.native()), ": ", std::strerror(code))};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  /// close() may be where the file system says that it has no space.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, uint64_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return system_error(path, "cannot open");
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kInvalidArgument, concat(in_quotes(path.native()), " is not a file")};
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > limit)
    return Error{ErrorCode::kInvalidFile,
                 concat(in_quotes(path.native()), " has ", size, " bytes; the limit is ", limit)};
  std::string bytes;
  try {
    bytes.resize(size);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, concat("no memory to read ", in_quotes(path.native()))};
  }
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path, "cannot read");
    if (got == 0) break;  // the file shrank meanwhile
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Status check_writable(const std::filesystem::path& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code))
    return Error{ErrorCode::kInvalidArgument, concat("cannot write ", in_quotes(path.native()), ": it is a folder")};
  std::filesystem::path temporary = path;
  temporary += concat(".", ::getpid(), ".tmp");
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.get() < 0) return system_error(path, "cannot write");
  ::unlink(temporary.c_str());
  return {};
}

Status replace_file(const std::filesystem::path& path,
                    const std::function<Status(const std::filesystem::path&)>& write) {
  std::filesystem::path temporary = path;
  temporary += concat(".", ::getpid(), ".tmp");
  Status status = write(temporary);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) status = system_error(path, "cannot write");
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

Status stream_file(const std::filesystem::path& path, const std::function<Status(const FileSink&)>& write) {
  return replace_file(path, [&](const std::filesystem::path& temporary) -> Status {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.get() < 0) return system_error(path, "cannot write");
    TEGULA_RETURN_IF_ERROR(write([&](std::span<const std::byte> bytes) -> Status {
      return write_all(file.get(), bytes) ? Status{} : system_error(path, "cannot write");
    }));
    return file.close() ? Status{} : system_error(path, "cannot write");
  });
}

Status write_file(const std::filesystem::path& path, std::initializer_list<std::span<const std::byte>> parts) {
  return stream_file(path, [&](const FileSink& sink) -> Status {
    for (const auto part : parts) TEGULA_RETURN_IF_ERROR(sink(part));
    return {};
  });
}

Status write_text(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, {std::as_bytes(std::span(text))});
}

}  // namespace tegula::data
