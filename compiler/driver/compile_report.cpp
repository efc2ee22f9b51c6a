#include "compiler/driver/compile_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "compiler/data/files.h"
#include "compiler/driver/step_table.h"
#include "compiler/writer/program_file.h"

namespace tegula::driver {
namespace {

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  std::array<char, 512> line{};
  std::snprintf(line.data(), line.size(), pattern, arguments...);
  return line.data();
}

}  // namespace

Status write_report(const std::filesystem::path& path, const compiler::CompileReport& report,
                    const std::filesystem::path& program, double seconds) {
  TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile file, compiler::read_program_tables(program));
  nlohmann::ordered_json json;
  json["aotc_version"] = TEGULA_VERSION;
  json["model"] = file.tables.provenance ? file.tables.provenance->model_name : "";
  json["seconds"] = seconds;
  json["file_bytes"] = file.file_bytes;
  json["constant_bytes"] = report.written.constant_bytes;
  json["onnx_nodes"] = report.onnx_nodes;
  json["passes"] = nlohmann::ordered_json::array();
  for (const compiler::PassReport& pass : report.passes)
    json["passes"].push_back({{"name", pass.name},
                              {"disabled", pass.disabled},
                              {"changed", pass.changed},
                              {"milliseconds", pass.milliseconds},
                              {"nodes_before", pass.nodes_before},
                              {"nodes_after", pass.nodes_after}});
  json["steps"] = nlohmann::ordered_json::array();
  const std::vector<StepRow> rows = step_rows(file.tables);
  for (const StepRow& row : rows)
    json["steps"].push_back({{"name", row.name},
                             {"kind", row.kind},
                             {"operator", row.op_type},
                             {"precision", row.precision},
                             {"rule", row.rule},
                             {"types", row.types},
                             {"shapes", row.shapes},
                             {"post_ops", row.post_ops},
                             {"onnx_nodes", row.onnx_nodes}});
  json["statistics"] = nlohmann::ordered_json::array();
  for (const PrecisionCounts& count : count_precisions(rows))
    json["statistics"].push_back({{"op_type", count.op_type}, {"total", count.total}, {"counts", count.by_precision}});
  json["conversions"] = nlohmann::ordered_json::array();  // of types, that no other step does on the way
  for (const StepRow& row : rows)
    if (!row.conversion.empty())
      json["conversions"].push_back({{"name", row.name},
                                     {"operator", row.conversion},
                                     {"types", row.types},
                                     {"onnx_nodes", row.onnx_nodes},
                                     {"reason", row.rule}});
  json["notes"] = report.notes;
  return data::write_text(path, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Result<std::string> summary(const compiler::CompileReport& report, const std::filesystem::path& model,
                            const std::filesystem::path& program, double seconds) {
  TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile file, compiler::read_program_tables(program));
  const std::vector<StepRow> rows = step_rows(file.tables);
  std::string text = precision_statistics(rows);
  const auto conversions =
      std::count_if(rows.begin(), rows.end(), [](const StepRow& row) { return !row.conversion.empty(); });
  if (conversions > 0)
    text += concat("note: ", conversions, conversions == 1 ? " step only converts" : " steps only convert",
                   " types; --report and aotc explain say why each stays\n");
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  text += concat(model.filename().native(), ": ", report.onnx_nodes, " nodes -> ", program.filename().native(), ": ",
                 report.written.steps, " steps");
  return text + format(", %.2f MB, %.2f s\n", static_cast<double>(file.file_bytes) / 1e6, seconds);
}

std::string pass_table(const compiler::CompileReport& report) {
  std::string text = format("%-36s %10s %14s\n", "pass", "ms", "nodes");
  for (const compiler::PassReport& pass : report.passes) {
    const std::string nodes = concat(pass.nodes_before, " -> ", pass.nodes_after);
    text += format("%-36s %10.2f %14s  %s\n", pass.name.c_str(), pass.milliseconds, nodes.c_str(),
                   pass.disabled  ? "(disabled)"
                   : pass.changed ? ""
                                  : "(unchanged)");
  }
  return text;
}

}  // namespace tegula::driver
