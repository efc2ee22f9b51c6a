#pragma once
#include <cstdint>

#include "runtime/generated_program.h"

namespace tegula::runtime {

/// Whether the vectors and strings that validation walks through add up to no more than a small multiple of the tables'
/// size. Tables whose vectors lie over one another could otherwise ask for time quadratic in their size. Linear itself.
bool vectors_are_apart(const schema::Program& program, uint64_t tables_bytes);

}  // namespace tegula::runtime
