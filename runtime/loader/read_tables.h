#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/generated_program.h"
#include "schema/base/result.h"

namespace tegula::runtime {

/// The FlatBuffers tables of a program file in private memory: what was checked cannot change afterwards.
struct Tables {
  std::unique_ptr<uint64_t[]> memory;  ///< owns what `program` points into
  uint64_t bytes = 0;
  uint64_t end = 0;  ///< offset in the file of the first byte behind the tables
  const schema::Program* program = nullptr;
};

/// Checks the header (magic, version, sizes, checksums), copies the tables and runs FlatBuffers' verifier over them,
/// with limits that follow from their size, so that the time is linear in it. Afterwards every offset within the tables
/// is good; what the numbers mean is not checked yet. kInvalidFile: what is wrong and what to do.
Result<Tables> read_tables(std::span<const std::byte> file);

}  // namespace tegula::runtime
