#pragma once
#include "tests/support/program_builder.h"

namespace tegula::test {

/// One of almost everything that a file can hold, with the operators that move data.
ProgramBuilder rich_program();

/// The operators that compute: convolutions of every kind, products, norms, pooling, attention, elementwise chains,
/// integers.
ProgramBuilder network_program();

}  // namespace tegula::test
