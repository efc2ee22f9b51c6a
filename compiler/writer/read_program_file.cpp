#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <stdexcept>

#include "compiler/data/tensor_data.h"
#include "compiler/writer/program_file.h"
#include "schema/file_layout.h"

namespace tegula::compiler {
namespace {

using data::in_quotes;

/// Reads ranges of one file; nothing is mapped, so that a file that changes meanwhile cannot end the process.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path)
      : name_(in_quotes(path.native())), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~InputFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  Result<uint64_t> size() const {
    struct stat status{};
    if (fd_ < 0 || ::fstat(fd_, &status) != 0)
      return Error{ErrorCode::kInvalidArgument, concat("cannot open ", name_, ": ", std::strerror(errno))};
    if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kInvalidArgument, concat(name_, " is not a file")};
    return static_cast<uint64_t>(status.st_size);
  }
  /// The caller has checked that the range lies in the file.
  Status read(uint64_t offset, std::span<std::byte> to) const {
    while (!to.empty()) {
      const ssize_t got = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return invalid("it ended while it was read");
      to = to.subspan(static_cast<std::size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
    return {};
  }
  template <typename... Parts>
  Error invalid(const Parts&... parts) const {
    return {ErrorCode::kInvalidFile, concat(name_, ": ", parts...)};
  }

 private:
  std::string name_;
  int fd_;
};

Result<FileHeader> read_header(const InputFile& file, uint64_t size) {
  FileHeader header{};
  if (size < sizeof header) return file.invalid("not a program file; compile a model with aotc");
  TEGULA_RETURN_IF_ERROR(file.read(0, std::as_writable_bytes(std::span(&header, 1))));
  if (header.magic != kMagic) return file.invalid("not a program file; compile a model with aotc");
  if (header.header_xxh3 != checksum(&header, offsetof(FileHeader, header_xxh3)))
    return file.invalid("the header is damaged; copy the file again");
  if (header.min_reader_version > kFormatVersion)
    return file.invalid("it needs tools that read format ", header.min_reader_version, "; these read up to ",
                        kFormatVersion);
  if (header.file_bytes != size)
    return file.invalid("it has ", size, " bytes and should have ", header.file_bytes, "; copy the file again");
  if (header.tables_offset != kTablesOffset || header.tables_bytes > size - kTablesOffset ||
      header.tables_bytes >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return file.invalid("its tables do not fit the file");
  return header;
}

Result<ProgramFile> read_tables(const InputFile& file) {
  TEGULA_ASSIGN_OR_RETURN(const uint64_t size, file.size());
  TEGULA_ASSIGN_OR_RETURN(const FileHeader header, read_header(file, size));
  std::vector<std::byte> bytes(header.tables_bytes);
  TEGULA_RETURN_IF_ERROR(file.read(header.tables_offset, bytes));
  if (checksum(bytes.data(), bytes.size()) != header.tables_xxh3)
    return file.invalid("the tables are damaged; copy the file again");
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  flatbuffers::Verifier::Options options;
  options.max_depth = 16;
  options.max_tables = static_cast<flatbuffers::uoffset_t>(bytes.size() / 8);
  flatbuffers::Verifier verifier(data, bytes.size(), options);
  if (!schema::VerifyProgramBuffer(verifier)) return file.invalid("its tables are no valid FlatBuffers of a program");
  ProgramFile program;
  program.file_bytes = size;
  schema::GetProgram(data)->UnPackTo(&program.tables);
  for (const auto& segment : program.tables.segments)
    if (segment->offset > size || segment->stored_bytes > size - segment->offset)
      return file.invalid("a segment lies outside of the file");
  return program;
}

Result<std::vector<std::byte>> read_segment(const InputFile& file, const schema::SegmentT& segment) {
  std::vector<std::byte> stored(segment.stored_bytes);
  TEGULA_RETURN_IF_ERROR(file.read(segment.offset, stored));
  if (checksum(stored.data(), stored.size()) != segment.xxh3)
    return file.invalid("a segment is damaged; copy the file again");
  if (!segment.compressed) return stored;
  constexpr uint64_t kBestRatio = 1 << 16;  // zstd's best is 128 KiB from a block of 4 bytes
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != segment.bytes ||
      segment.bytes / kBestRatio > stored.size())
    return file.invalid("a compressed segment has another size than the tables say");
  std::vector<std::byte> plain(segment.bytes);
  const std::size_t got = ZSTD_decompress(plain.data(), plain.size(), stored.data(), stored.size());
  if (ZSTD_isError(got) || got != plain.size()) return file.invalid("a compressed segment is damaged");
  return plain;
}

template <typename Read>
Result<ProgramFile> guarded(const std::filesystem::path& path, Read&& read) {
  try {
    return read(InputFile(path));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, concat("no memory to read ", in_quotes(path.native()))};
  } catch (const std::length_error&) {
    return Error{ErrorCode::kOutOfMemory, concat("no memory to read ", in_quotes(path.native()))};
  }
}

}  // namespace

std::vector<SegmentSource> ProgramFile::sources() const {
  std::vector<SegmentSource> result;
  for (const auto& segment : segments) result.push_back({{{0, segment}}});
  return result;
}

Result<ProgramFile> read_program_file(const std::filesystem::path& path) {
  return guarded(path, [](const InputFile& file) -> Result<ProgramFile> {
    TEGULA_ASSIGN_OR_RETURN(ProgramFile program, read_tables(file));
    for (const auto& segment : program.tables.segments) {
      TEGULA_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, read_segment(file, *segment));
      program.segments.push_back(std::move(bytes));
    }
    return program;
  });
}

Result<ProgramFile> read_program_tables(const std::filesystem::path& path) {
  return guarded(path, [](const InputFile& file) { return read_tables(file); });
}

}  // namespace tegula::compiler
