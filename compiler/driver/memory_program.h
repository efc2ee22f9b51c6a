#pragma once
#include <filesystem>

#include "compiler/driver/compile.h"
#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::driver {

/// A model that was compiled to be run at once. Its bytes are a mapped temporary file without a name, which takes no
/// memory that cannot be given back.
struct MemoryProgram {
  Program program;
  compiler::ModelInfo model;
};
Result<MemoryProgram> compile_in_memory(const std::filesystem::path& model, const compiler::ImportOptions& import,
                                        const compiler::PassOptions& passes,
                                        const compiler::ReportProgress& progress = {});

/// The rows of the pipeline behind `quantize` that a program can do without: with them off, each tensor that the graph
/// has at that row exists when the program runs, under the same name.
std::vector<std::string> optional_rows_behind_quantize();

}  // namespace tegula::driver
