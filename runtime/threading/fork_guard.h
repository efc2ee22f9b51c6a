#pragma once
#include <cstdint>

namespace tegula::runtime {

/// How many times this process was forked off since its first ancestor that used the library. Threads do not survive
/// fork(), so what was made under another number must not be run. Costs a load; no system call.
uint32_t fork_generation();

}  // namespace tegula::runtime
