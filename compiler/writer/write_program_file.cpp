#include <zstd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <new>

#include "compiler/data/files.h"
#include "compiler/writer/program_file.h"
#include "schema/base/check.h"
#include "schema/file_layout.h"

namespace tegula::compiler {
namespace {

using Bytes = std::vector<std::byte>;
/// Takes the file's bytes from the first to the last.
using Sink = std::function<Status(std::span<const std::byte>)>;

constexpr int kCompressionLevel = 9;  // weights hardly shrink further; what shrinks are indices and zeros

uint64_t align(uint64_t offset, uint64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

Status write_zeros(const Sink& sink, uint64_t count) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  for (; count > 0; count -= std::min<uint64_t>(count, kZeros.size()))
    TEGULA_RETURN_IF_ERROR(sink(std::span(kZeros).first(std::min<uint64_t>(count, kZeros.size()))));
  return {};
}

/// The segment's bytes in order, zeros included.
Status stream(const SegmentSource& segment, const Sink& sink) {
  uint64_t at = 0;
  for (const SegmentSource::Part& part : segment.parts) {
    TEGULA_CHECK(part.offset >= at, "parts of a segment ascend and do not overlap");
    TEGULA_RETURN_IF_ERROR(write_zeros(sink, part.offset - at));
    TEGULA_RETURN_IF_ERROR(sink(part.bytes));
    at = part.offset + part.bytes.size();
  }
  return {};
}

Result<Bytes> gather(const SegmentSource& segment) {
  Bytes bytes;
  bytes.reserve(segment.bytes());
  TEGULA_RETURN_IF_ERROR(stream(segment, [&](std::span<const std::byte> part) -> Status {
    bytes.insert(bytes.end(), part.begin(), part.end());
    return {};
  }));
  return bytes;
}

/// One zstd frame, or nothing when that saves less than a 32nd.
Result<Bytes> compress_segment(const SegmentSource& segment) {
  TEGULA_ASSIGN_OR_RETURN(const Bytes plain, gather(segment));
  Bytes frame(ZSTD_compressBound(plain.size()));
  const std::size_t size = ZSTD_compress(frame.data(), frame.size(), plain.data(), plain.size(), kCompressionLevel);
  if (ZSTD_isError(size))
    return Error{ErrorCode::kOutOfMemory, concat("compressing a segment: ", ZSTD_getErrorName(size))};
  if (size > plain.size() - plain.size() / 32) return Bytes{};
  frame.resize(size);
  frame.shrink_to_fit();
  return frame;
}

/// What checksum() gives for the segment's bytes in one piece, without making that piece.
Result<uint64_t> checksum_of(const SegmentSource& segment) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  TEGULA_RETURN_IF_ERROR(stream(segment, [&](std::span<const std::byte> part) -> Status {
    XXH3_64bits_update(&state, part.data(), part.size());
    return {};
  }));
  return XXH3_64bits_digest(&state);
}

flatbuffers::FlatBufferBuilder serialize(const schema::ProgramT& tables) {
  flatbuffers::FlatBufferBuilder builder;
  schema::FinishProgramBuffer(builder, schema::Program::Pack(builder, &tables));
  return builder;
}

/// Gives the segments their places behind tables of `tables_bytes`; returns the size of the file.
uint64_t place_segments(schema::ProgramT& tables, uint64_t tables_bytes) {
  uint64_t end = kTablesOffset + tables_bytes;
  for (const auto& segment : tables.segments) {
    const bool is_large = !segment->compressed && segment->bytes >= kLargeSegmentBytes;
    segment->offset = align(end, is_large ? kLargeSegmentAlignment : kSegmentAlignment);
    end = segment->offset + segment->stored_bytes;
  }
  return end;
}

FileHeader make_header(std::span<const std::byte> tables, uint64_t file_bytes) {
  FileHeader header{};
  header.magic = kMagic;
  header.format_version = kFormatVersion;
  header.min_reader_version = kMinReaderVersion;
  header.file_bytes = file_bytes;
  header.tables_offset = kTablesOffset;
  header.tables_bytes = tables.size();
  header.tables_xxh3 = checksum(tables.data(), tables.size());
  header.header_xxh3 = checksum(&header, offsetof(FileHeader, header_xxh3));
  return header;
}

Status write(schema::ProgramT& tables, std::span<const SegmentSource> segments, bool compress, const Sink& sink,
             const ReportProgress& progress) {
  std::vector<Bytes> frames(segments.size());
  tables.segments.clear();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    auto segment = std::make_unique<schema::SegmentT>();
    segment->bytes = segment->stored_bytes = segments[i].bytes();
    if (compress) {
      if (progress) progress("compressing weights", static_cast<int64_t>(i), static_cast<int64_t>(segments.size()));
      TEGULA_ASSIGN_OR_RETURN(frames[i], compress_segment(segments[i]));
    }
    segment->compressed = !frames[i].empty();
    if (segment->compressed) {
      segment->stored_bytes = frames[i].size();
      segment->xxh3 = checksum(frames[i].data(), frames[i].size());
    } else {
      TEGULA_ASSIGN_OR_RETURN(segment->xxh3, checksum_of(segments[i]));
    }
    tables.segments.push_back(std::move(segment));
  }

  // The offsets depend on the size of the tables, which hold them: FlatBuffers leaves out fields that are 0, so the
  // size settles once all offsets are set.
  uint64_t tables_bytes = 0, file_bytes = 0;
  flatbuffers::FlatBufferBuilder builder;
  do {
    tables_bytes = builder.GetSize();
    file_bytes = place_segments(tables, tables_bytes);
    builder = serialize(tables);
  } while (builder.GetSize() != tables_bytes);
  const auto table_bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));

  const FileHeader header = make_header(table_bytes, file_bytes);
  TEGULA_RETURN_IF_ERROR(sink(std::as_bytes(std::span(&header, 1))));
  TEGULA_RETURN_IF_ERROR(sink(table_bytes));
  uint64_t at = kTablesOffset + tables_bytes;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    TEGULA_RETURN_IF_ERROR(write_zeros(sink, tables.segments[i]->offset - at));
    TEGULA_RETURN_IF_ERROR(frames[i].empty() ? stream(segments[i], sink) : sink(frames[i]));
    at = tables.segments[i]->offset + tables.segments[i]->stored_bytes;
  }
  return {};
}

}  // namespace

Status write_program_file(schema::ProgramT& tables, std::span<const SegmentSource> segments, bool compress,
                          const Sink& sink, const ReportProgress& progress) {
  int64_t written = 0, total = 0;
  for (const SegmentSource& segment : segments) total += static_cast<int64_t>(segment.bytes());
  const auto counted = [&](std::span<const std::byte> bytes) -> Status {
    TEGULA_RETURN_IF_ERROR(sink(bytes));
    written += static_cast<int64_t>(bytes.size());
    if (progress) progress("writing", written, total);
    return {};
  };
  try {
    return write(tables, segments, compress, counted, progress);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory to write the program file"};
  }
}

Status write_program_file(schema::ProgramT& tables, std::span<const SegmentSource> segments, bool compress,
                          const std::filesystem::path& path, const ReportProgress& progress) {
  return data::stream_file(
      path, [&](const Sink& sink) { return write_program_file(tables, segments, compress, sink, progress); });
}

Result<std::vector<std::byte>> assemble_program_file(schema::ProgramT& tables, std::span<const SegmentSource> segments,
                                                     bool compress) {
  Bytes file;
  const Sink sink = [&](std::span<const std::byte> bytes) -> Status {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return {};
  };
  TEGULA_RETURN_IF_ERROR(write_program_file(tables, segments, compress, sink));
  return file;
}

}  // namespace tegula::compiler
