#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace tegula::jit {

/// With the environment variable TEGULA_PERF_MAP=1, appends "address size name" to /tmp/perf-PID.map,
/// from which `perf report` names samples in generated code. Does nothing when the variable is not
/// set. Safe for concurrent calls.
void add_to_perf_map(std::string_view name, std::span<const uint8_t> code);

}  // namespace tegula::jit
