#include "compiler/driver/compile.h"

namespace tegula::compiler {

Result<CompileReport> compile(const std::filesystem::path& model, const std::filesystem::path& output,
                              const CompileOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(ImportedModel imported, import_onnx(model, options.import));
  CompileReport report;
  report.onnx_nodes = imported.info.nodes;
  TEGULA_ASSIGN_OR_RETURN(report.passes, run_pipeline(imported.graph, options.passes));
  report.notes = imported.graph.notes;
  if (options.see_graph) TEGULA_RETURN_IF_ERROR(options.see_graph(imported.graph));
  TEGULA_RETURN_IF_ERROR(write_program(imported.graph, imported.info, options.write, output, &report.written));
  return report;
}

}  // namespace tegula::compiler
