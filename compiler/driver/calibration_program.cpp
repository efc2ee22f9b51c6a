#include "compiler/driver/calibration_program.h"

#include <algorithm>

#include "compiler/ops/op_def.h"

namespace tegula::driver {
namespace {

constexpr std::string_view kQuantizeRow = "quantize";

/// The rows behind `quantize` that a program can do without.
std::vector<std::string> optional_rows_behind_quantize() {
  const auto rows = compiler::pipeline();
  auto row = std::find_if(rows.begin(), rows.end(), [](const auto& r) { return r.name == kQuantizeRow; });
  std::vector<std::string> names;
  for (; row != rows.end(); ++row)
    if (row->name != kQuantizeRow && !row->required && row->chosen == nullptr) names.emplace_back(row->name);
  return names;
}

/// A reshape shows the elements of another tensor, which has a profile of its own.
bool is_reshape(const compiler::Node& node) {
  return node.op->name == "reshape";
}

}  // namespace

Result<CalibrationProgram> make_calibration_program(const std::filesystem::path& path,
                                                    const compiler::ImportOptions& options,
                                                    const compiler::ReportProgress& progress) {
  TEGULA_ASSIGN_OR_RETURN(compiler::ImportedModel model, compiler::import_onnx(path, options));
  std::vector<std::string> inputs, tensors;
  compiler::PassOptions passes;
  passes.disabled = optional_rows_behind_quantize();
  passes.progress = progress;
  passes.quantize = [&](compiler::Graph& graph) -> Result<bool> {
    for (const compiler::Value* input : graph.inputs())
      if (input->dtype == DType::kF32) inputs.push_back(input->name);
    for (const auto& node : graph.nodes())
      for (const compiler::Value* output : node->outputs)
        if (output != nullptr && output->dtype == DType::kF32 && !is_reshape(*node)) tensors.push_back(output->name);
    return false;
  };
  TEGULA_RETURN_IF_ERROR(compiler::run_pipeline(model.graph, passes));
  compiler::WriteOptions write;
  write.progress = progress;
  TEGULA_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, compiler::write_program(model.graph, model.info, write));
  TEGULA_ASSIGN_OR_RETURN(Program program, Program::open(bytes, {.load = Load::kCopy}));
  return CalibrationProgram{std::move(program), model.info, std::move(inputs), std::move(tensors)};
}

}  // namespace tegula::driver
