#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "runtime/loader/memory_block.h"
#include "runtime/loader/program_model.h"
#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::runtime {

/// Where the bytes of each segment can be read: in the file, or decompressed into private memory.
struct SegmentBytes {
  std::vector<std::span<const std::byte>> spans;  // as ProgramModel::segments
  std::vector<MemoryBlock> decompressed;
};

/// Decompresses what is compressed and, with Verify::kFull, compares checksums; several segments at a time. `file` must
/// outlive the result. kInvalidFile names the segment; kOutOfMemory when the decompressed segments exceed the machine's
/// memory.
Result<SegmentBytes> load_segments(const ProgramModel& model, std::span<const std::byte> file, Verify verify);

}  // namespace tegula::runtime
