#include "runtime/loader/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tegula::runtime {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Error system_error(const std::string& path, const char* what, int number) {
  const ErrorCode code = number == ENOMEM ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidArgument;
  return Error{code, concat(path, ": ", what, ": ", std::strerror(number))};
}

// Reads exactly `bytes` bytes; 0, or the errno of what went wrong. A file that became shorter gives EIO.
int read_all(int fd, std::byte* to, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t n = pread(fd, to + done, bytes - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    done += static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path, Load load) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_error(path, "cannot be opened", errno);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return system_error(path, "cannot be examined", errno);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kInvalidArgument, concat(path, ": is not a regular file")};
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes == 0) return MappedFile();

  const bool copies = load == Load::kCopy;
  void* data = copies ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                      : mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) return system_error(path, "cannot be mapped", errno);
  MappedFile mapped(static_cast<std::byte*>(data), bytes);
  // A wish: what is read into the page cache from here on may come in huge pages, from which weights stream faster
  // (Zen 4, 32 MiB: 31 to 36 GB/s instead of 21 to 33). Pages that are cached already stay as they are.
  if (bytes >= kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
  if (copies) {
    if (const int number = read_all(file.get(), mapped.data_, bytes); number != 0)
      return system_error(path, "cannot be read", number);
    mprotect(data, bytes, PROT_READ);
  }
  return mapped;
}

Result<MappedFile> MappedFile::copy(std::span<const std::byte> bytes) {
  if (bytes.empty()) return MappedFile();
  void* data = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return Error{ErrorCode::kOutOfMemory, concat("cannot allocate ", bytes.size(), " bytes")};
  std::memcpy(data, bytes.data(), bytes.size());
  mprotect(data, bytes.size(), PROT_READ);
  return MappedFile(static_cast<std::byte*>(data), bytes.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace tegula::runtime
