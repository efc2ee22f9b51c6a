#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "compiler/data/files.h"
#include "compiler/progress.h"
#include "schema/base/result.h"
#include "schema/program_generated.h"

namespace tegula::compiler {

/// A segment to be written: parts at ascending offsets that do not overlap, zeros between them. The bytes belong to the
/// caller.
struct SegmentSource {
  struct Part {
    uint64_t offset = 0;
    std::span<const std::byte> bytes;
  };
  std::vector<Part> parts;

  uint64_t bytes() const { return parts.empty() ? 0 : parts.back().offset + parts.back().bytes.size(); }
};

/// Writes a program file (schema/file_layout.h): header, tables, segments at their alignment. Fills tables.segments
/// from `segments`, which values and test vectors of the tables name by index; the rest of the tables is written as it
/// is. With `compress`, segments that become smaller are stored as one zstd frame each. The same arguments give the
/// same bytes. The file appears under `path` only when it is complete. kInvalidArgument, kOutOfMemory: it cannot be
/// written.
Status write_program_file(schema::ProgramT& tables, std::span<const SegmentSource> segments, bool compress,
                          const std::filesystem::path& path, const ReportProgress& progress = {});
/// The same to a sink, one part behind another.
Status write_program_file(schema::ProgramT& tables, std::span<const SegmentSource> segments, bool compress,
                          const data::FileSink& sink, const ReportProgress& progress = {});
/// The same into memory, for tests.
Result<std::vector<std::byte>> assemble_program_file(schema::ProgramT& tables, std::span<const SegmentSource> segments,
                                                     bool compress);

/// A program file taken apart. Move only.
struct ProgramFile {
  schema::ProgramT tables;
  std::vector<std::vector<std::byte>> segments;  ///< decompressed
  uint64_t file_bytes = 0;

  std::vector<SegmentSource> sources() const;  ///< the segments, to be written again; they must outlive the writing
};

/// Reads a file that write_program_file() wrote. Checksums of header, tables and segments are verified, and so is that
/// every segment lies in the file; what indices and sizes in the tables mean is not (tegula::Program::open does that).
Result<ProgramFile> read_program_file(const std::filesystem::path& path);
/// The tables alone; `segments` stays empty.
Result<ProgramFile> read_program_tables(const std::filesystem::path& path);

}  // namespace tegula::compiler
