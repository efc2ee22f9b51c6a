#include "runtime/loader/read_tables.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "schema/file_layout.h"

namespace tegula::runtime {
namespace {

// FlatBuffers' offsets are 32-bit; its verifier asserts this.
constexpr uint64_t kLargestTables = FLATBUFFERS_MAX_BUFFER_SIZE - 1;

template <typename... Parts>
Error damaged(const Parts&... parts) {
  return Error{ErrorCode::kInvalidFile, concat(parts...)};
}

Result<FileHeader> read_header(std::span<const std::byte> file) {
  FileHeader header{};
  const std::size_t magic_bytes = std::min(file.size(), kMagic.size());
  if (file.empty()) return damaged("the file is empty; compile the model again");
  if (std::memcmp(file.data(), kMagic.data(), magic_bytes) != 0) {
    if (file.size() >= 3 && std::memcmp(file.data(), kMagic.data(), 3) == 0)
      return damaged("the first bytes were changed in transfer; copy the file again, in binary mode");
    return damaged("not a program file: the first bytes are wrong; compile the model with aotc");
  }
  if (file.size() < sizeof header)
    return damaged("truncated: ", file.size(), " bytes are less than a header; copy the file again");
  std::memcpy(&header, file.data(), sizeof header);
  if (header.header_xxh3 != checksum(&header, offsetof(FileHeader, header_xxh3)))
    return damaged("the header is damaged: its checksum does not match; copy the file again");
  if (header.min_reader_version > kFormatVersion)
    return damaged("needs a runtime that reads format ", header.min_reader_version, ", this one reads up to ",
                   kFormatVersion, "; update the runtime or compile the model with its aotc");
  if (header.file_bytes > file.size())
    return damaged("truncated: ", file.size(), " of ", header.file_bytes, " bytes; copy the file again");
  if (header.file_bytes < file.size())
    return damaged(file.size() - header.file_bytes, " bytes follow the end of the program; copy the file again");
  if (header.tables_offset != kTablesOffset || header.tables_bytes > header.file_bytes - kTablesOffset ||
      header.tables_bytes > kLargestTables || header.tables_bytes < 8)
    return damaged("the tables (", header.tables_bytes, " bytes at ", header.tables_offset,
                   ") do not fit the file; compile the model again");
  return header;
}

// Reads fields of tables before anything about them is known. A read outside of the buffer gives nullopt.
class CautiousReader {
 public:
  CautiousReader(const uint8_t* data, uint64_t bytes) : data_(data), bytes_(bytes) {}

  template <typename T>
  std::optional<T> read(uint64_t at) const {
    if (at > bytes_ || bytes_ - at < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, data_ + at, sizeof value);
    return value;
  }

  /// Where the offset stored at `at` leads.
  std::optional<uint64_t> follow(uint64_t at) const {
    const auto offset = read<uint32_t>(at);
    return offset && *offset != 0 ? std::optional<uint64_t>(at + *offset) : std::nullopt;
  }

  /// Where an offset field of the table at `table` leads; nullopt where it is absent.
  std::optional<uint64_t> field(uint64_t table, uint16_t vtable_offset) const {
    const auto back = read<int32_t>(table);
    if (!back) return std::nullopt;
    const int64_t vtable = static_cast<int64_t>(table) - *back;
    if (vtable < 0) return std::nullopt;
    const auto vtable_bytes = read<uint16_t>(static_cast<uint64_t>(vtable));
    if (!vtable_bytes || *vtable_bytes < vtable_offset + 2) return std::nullopt;
    const auto offset = read<uint16_t>(static_cast<uint64_t>(vtable) + vtable_offset);
    return offset && *offset != 0 ? follow(table + *offset) : std::nullopt;
  }

 private:
  const uint8_t* data_;
  uint64_t bytes_;
};

// The verifier counts tables but not the strings of a vector, so many steps that share one long vector of strings would
// keep it busy for a time quadratic in the size. Honest vectors of strings do not share their offsets.
bool strings_fit(const uint8_t* data, uint64_t bytes) {
  const CautiousReader reader(data, bytes);
  const auto root = reader.follow(0);
  const auto steps = root ? reader.field(*root, schema::Program::VT_STEPS) : std::nullopt;
  const auto count = steps ? reader.read<uint32_t>(*steps) : std::nullopt;
  if (!count) return true;
  uint64_t left = bytes / sizeof(uint32_t);
  if (*count > left) return false;
  for (uint64_t i = 0; i < *count; ++i) {
    const auto step = reader.follow(*steps + 4 + 4 * i);
    const auto nodes = step ? reader.field(*step, schema::Step::VT_ONNX_NODES) : std::nullopt;
    const auto strings = nodes ? reader.read<uint32_t>(*nodes) : std::nullopt;
    if (!strings) continue;
    if (*strings > left) return false;
    left -= *strings;
  }
  return true;
}

}  // namespace

Result<Tables> read_tables(std::span<const std::byte> file) {
  TEGULA_ASSIGN_OR_RETURN(const FileHeader header, read_header(file));
  Tables tables;
  tables.bytes = header.tables_bytes;
  tables.end = header.tables_offset + header.tables_bytes;
  tables.memory = std::make_unique<uint64_t[]>((header.tables_bytes + 7) / 8);
  std::memcpy(tables.memory.get(), file.data() + header.tables_offset, header.tables_bytes);
  if (checksum(tables.memory.get(), tables.bytes) != header.tables_xxh3)
    return damaged("the tables are damaged: their checksum does not match; copy the file again");

  const auto* data = reinterpret_cast<const uint8_t*>(tables.memory.get());
  flatbuffers::Verifier::Options options;
  options.max_depth = 16;  // the tables of program.fbs nest less than half as deep
  // A table takes at least the offset that leads to it and the one to its vtable.
  options.max_tables = static_cast<flatbuffers::uoffset_t>(tables.bytes / 8);
  flatbuffers::Verifier verifier(data, tables.bytes, options);
  if (!strings_fit(data, tables.bytes) || !verifier.VerifyBuffer<schema::Program>(schema::ProgramIdentifier()))
    return damaged("the tables are no valid FlatBuffers of a program; compile the model again");
  tables.program = schema::GetProgram(data);
  return tables;
}

}  // namespace tegula::runtime
