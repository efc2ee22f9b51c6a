#pragma once
// Graphs compiled and run, against the same graph run with plain loops.
#include <string_view>

namespace tegula::compiler {

/// The graph of `text` through the whole pipeline, the writer and the runtime, on random inputs (each symbol is 3): the
/// outputs must be those of interpret() on the graph as it stands, integers exactly, floats up to `tolerance` times the
/// largest absolute value of the output.
void expect_program_computes(std::string_view text, double tolerance = 1e-5);

}  // namespace tegula::compiler
