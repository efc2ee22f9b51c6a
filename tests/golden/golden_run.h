#pragma once
#include <cstdint>
#include <string>

#include "schema/base/result.h"

namespace tegula::test {

/// Opens a program file with all checksums verified, runs it twice (every symbol as small as its range allows but at
/// least 1, then one larger) on numbers made from the input's position, and digests all bytes of all outputs. `max_isa`
/// as OpenOptions has it.
Result<uint64_t> run_golden(const std::string& path, const std::string& max_isa = "");

}  // namespace tegula::test
