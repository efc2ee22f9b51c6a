#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace tegula::jit {

/// With the environment variable TEGULA_DUMP_CODE=dir, writes the bytes of a kernel to dir/name.bin (characters
/// that file names should not hold become '_'). Read them with
///   objdump -D -b binary -m i386:x86-64 name.bin
/// Does nothing when the variable is not set; a file that cannot be written is left out silently,
/// since a dump never decides whether a model runs. Safe for concurrent calls with distinct names.
void dump_code(std::string_view name, std::span<const uint8_t> code);

}  // namespace tegula::jit
