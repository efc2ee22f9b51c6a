#include "runtime/loader/load_segments.h"

#include <unistd.h>
#include <zstd.h>

#include "runtime/loader/validate_program.h"
#include "runtime/threading/parallel_for.h"

namespace tegula::runtime {
namespace {

Status decompress(std::span<const std::byte> stored, const MemoryBlock& to) {
  const unsigned long long promised = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (promised == ZSTD_CONTENTSIZE_ERROR) return invalid("no zstd frame");
  if (promised != ZSTD_CONTENTSIZE_UNKNOWN && promised != to.bytes())
    return invalid("the zstd frame holds ", promised, " bytes, the tables say ", to.bytes());
  const std::size_t got = ZSTD_decompress(to.data(), to.bytes(), stored.data(), stored.size());
  if (ZSTD_isError(got)) return invalid("zstd: ", ZSTD_getErrorName(got));
  if (got != to.bytes()) return invalid("decompressed to ", got, " bytes, the tables say ", to.bytes());
  return {};
}

Status check_memory(const ProgramModel& model) {
  const uint64_t machine =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t left = machine;
  for (const ProgramModel::Segment& segment : model.segments) {
    if (!segment.compressed) continue;
    if (segment.bytes > left)
      return Error{ErrorCode::kOutOfMemory, concat("the decompressed segments exceed the machine's ", machine,
                                                   " bytes of memory; unpack the file with aotc")};
    left -= segment.bytes;
  }
  return {};
}

}  // namespace

Result<SegmentBytes> load_segments(const ProgramModel& model, std::span<const std::byte> file, Verify verify) {
  TEGULA_RETURN_IF_ERROR(check_memory(model));
  const std::size_t count = model.segments.size();
  SegmentBytes result;
  result.spans.resize(count);
  result.decompressed.resize(count);
  bool any_work = false;
  for (std::size_t i = 0; i < count; ++i) {
    const ProgramModel::Segment& segment = model.segments[i];
    result.spans[i] = file.subspan(segment.offset, segment.stored_bytes);
    any_work |= segment.compressed || verify == Verify::kFull;
    if (!segment.compressed) continue;
    TEGULA_ASSIGN_OR_RETURN(result.decompressed[i], MemoryBlock::allocate(segment.bytes));
  }
  if (!any_work) return result;

  std::vector<Status> status(count);
  parallel_for(static_cast<int64_t>(count), [&](int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    const ProgramModel::Segment& segment = model.segments[i];
    if (verify == Verify::kFull && checksum(result.spans[i].data(), result.spans[i].size()) != segment.xxh3) {
      status[i] = invalid("its checksum does not match; copy the file again");
    } else if (segment.compressed) {
      status[i] = decompress(result.spans[i], result.decompressed[i]);
      result.decompressed[i].make_read_only();
      result.spans[i] = {result.decompressed[i].data(), result.decompressed[i].bytes()};
    }
  });
  for (std::size_t i = 0; i < count; ++i)
    if (!status[i].ok()) return Error{status[i].error().code, concat("segments[", i, "]: ", status[i].error().message)};
  return result;
}

}  // namespace tegula::runtime
