#include "compiler/driver/calibration_program.h"

#include "compiler/driver/memory_program.h"
#include "compiler/ops/op_def.h"
#include "compiler/quantize/drop_quantization.h"

namespace tegula::driver {
namespace {

/// A reshape shows the elements of another tensor, which has a profile of its own.
bool is_reshape(const compiler::Node& node) {
  return node.op->name == "reshape";
}

}  // namespace

Result<CalibrationProgram> make_calibration_program(const std::filesystem::path& path,
                                                    const compiler::ImportOptions& options, bool requantize,
                                                    const compiler::ReportProgress& progress) {
  std::vector<std::string> inputs, tensors;
  compiler::PassOptions passes;
  passes.disabled = optional_rows_behind_quantize();
  passes.progress = progress;
  if (requantize) passes.drop_quantization = compiler::drop_quantization;
  passes.quantize = [&](compiler::Graph& graph) -> Result<bool> {
    for (const compiler::Value* input : graph.inputs())
      if (input->dtype == DType::kF32) inputs.push_back(input->name);
    for (const auto& node : graph.nodes())
      for (const compiler::Value* output : node->outputs)
        if (output != nullptr && output->dtype == DType::kF32 && !is_reshape(*node)) tensors.push_back(output->name);
    return false;
  };
  TEGULA_ASSIGN_OR_RETURN(MemoryProgram compiled, compile_in_memory(path, options, passes, progress));
  return CalibrationProgram{std::move(compiled.program), compiled.model, std::move(inputs), std::move(tensors)};
}

}  // namespace tegula::driver
