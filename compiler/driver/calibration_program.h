#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/driver/compile.h"
#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::driver {

/// A model as the quantizer will see it, ready to run: the pipeline up to its `quantize` row, and behind it only what
/// lowering requires, so that each tensor there exists when the program runs, under the same name.
struct CalibrationProgram {
  Program program;
  compiler::ModelInfo model;
  std::vector<std::string> inputs;   ///< those of the graph that are f32
  std::vector<std::string> tensors;  ///< what the nodes at the `quantize` row write, f32 and no reshapes of others
};

/// Reads the model and compiles it in memory. `requantize`: without the quantization that the model has itself.
Result<CalibrationProgram> make_calibration_program(const std::filesystem::path& model,
                                                    const compiler::ImportOptions& options, bool requantize,
                                                    const compiler::ReportProgress& progress = {});

}  // namespace tegula::driver
