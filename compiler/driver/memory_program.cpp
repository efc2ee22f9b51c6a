#include "compiler/driver/memory_program.h"

#include <algorithm>

#include "compiler/lowering/spool_file.h"

namespace tegula::driver {
namespace {

constexpr std::string_view kQuantizeRow = "quantize";
/// Stays: without it the weights of models that are quantized already would be made real in every run.
constexpr std::string_view kConstantsRow = "fold_new_constants";

}  // namespace

Result<MemoryProgram> compile_in_memory(const std::filesystem::path& path, const compiler::ImportOptions& import,
                                        const compiler::PassOptions& passes, const compiler::ReportProgress& progress) {
  std::error_code failure;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(failure);
  if (failure) return Error{ErrorCode::kInvalidArgument, concat("no folder for temporary files: ", failure.message())};
  TEGULA_ASSIGN_OR_RETURN(compiler::SpoolFile file, compiler::SpoolFile::create_in(folder));
  compiler::ModelInfo info;
  {  // the graph goes before the program is opened: both hold all weights
    TEGULA_ASSIGN_OR_RETURN(compiler::ImportedModel model, compiler::import_onnx(path, import));
    TEGULA_RETURN_IF_ERROR(compiler::run_pipeline(model.graph, passes));
    compiler::WriteOptions write;
    write.progress = progress;
    const auto append = [&](std::span<const std::byte> bytes) { return file.append(bytes); };
    TEGULA_RETURN_IF_ERROR(compiler::write_program(model.graph, model.info, write, folder, append));
    info = model.info;
  }
  TEGULA_ASSIGN_OR_RETURN(Program program, Program::open(file.path()));
  return MemoryProgram{std::move(program), std::move(info)};
}

std::vector<std::string> optional_rows_behind_quantize() {
  const auto rows = compiler::pipeline();
  auto row = std::find_if(rows.begin(), rows.end(), [](const auto& r) { return r.name == kQuantizeRow; });
  std::vector<std::string> names;
  for (; row != rows.end(); ++row)
    if (row->name != kQuantizeRow && row->name != kConstantsRow && !row->required && row->chosen == nullptr)
      names.emplace_back(row->name);
  return names;
}

}  // namespace tegula::driver
