#include <algorithm>
#include <chrono>

#include "compiler/passes/pass.h"
#include "schema/base/check.h"
#include "schema/printable.h"

namespace tegula::compiler {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status check_names(std::span<const PassRow> rows, const PassOptions& options) {
  const auto find = [&](std::string_view name) {
    return std::find_if(rows.begin(), rows.end(), [&](const PassRow& row) { return row.name == name; });
  };
  const auto unknown = [](std::string_view name) {
    return Error{ErrorCode::kInvalidArgument, concat("there is no pass '", name, "'; --print-passes lists them")};
  };
  for (const std::string& name : options.disabled) {
    const auto row = find(name);
    if (row == rows.end()) return unknown(name);
    if (row->required)
      return Error{ErrorCode::kInvalidArgument,
                   concat("pass '", name, "' cannot be disabled: the program cannot be written without it")};
  }
  for (const std::string& name : options.dump_after)
    if (name != "all" && name != "import" && find(name) == rows.end()) return unknown(name);
  return {};
}

Status verify_after(std::string_view pass, const Graph& graph) {
  auto status = verify(graph);
  if (status.ok()) return {};
  return Error{status.error().code,
               concat("after pass ", pass, ": ", printable(status.error().message, kLongestMessage))};
}

/// A failed check inside a pass is an error of the compilation, not the end of the process.
Result<bool> run_row(const PassRow& row, Graph& graph, const PassOptions& options) {
  try {
    auto changed = row.chosen != nullptr ? (options.*row.chosen)(graph) : row.run(graph);
    if (changed.ok()) return changed;
    return Error{changed.error().code, printable(changed.error().message, kLongestMessage)};
  } catch (const InternalError& error) {
    return Error{ErrorCode::kInternal, concat("pass ", row.name, ": ", printable(error.what(), kLongestMessage))};
  }
}

}  // namespace

Result<std::vector<PassReport>> run_pipeline(Graph& graph, const PassOptions& options) {
  return run_passes(pipeline(), graph, options);
}

Result<std::vector<PassReport>> run_passes(std::span<const PassRow> rows, Graph& graph, const PassOptions& options) {
  TEGULA_RETURN_IF_ERROR(check_names(rows, options));
  const auto dump = [&](std::string_view pass) {
    const bool wanted = contains(options.dump_after, "all") || contains(options.dump_after, pass);
    if (wanted && options.dump) options.dump(pass, print(graph));
  };
  if (options.verify_each) TEGULA_RETURN_IF_ERROR(verify_after("import", graph));
  dump("import");
  std::vector<PassReport> reports;
  for (const PassRow& row : rows) {
    PassReport& report = reports.emplace_back();
    report.name = row.name;
    report.nodes_before = report.nodes_after = static_cast<int64_t>(graph.nodes().size());
    report.disabled = contains(options.disabled, row.name);
    if (report.disabled || (row.chosen != nullptr && !(options.*row.chosen))) continue;
    if (options.progress)
      options.progress(row.name, static_cast<int64_t>(reports.size()), static_cast<int64_t>(rows.size()));
    const auto start = std::chrono::steady_clock::now();
    TEGULA_ASSIGN_OR_RETURN(report.changed, run_row(row, graph, options));
    report.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    report.nodes_after = static_cast<int64_t>(graph.nodes().size());
    if (options.verify_each) TEGULA_RETURN_IF_ERROR(verify_after(row.name, graph));
    dump(row.name);
  }
  if (!options.verify_each) TEGULA_RETURN_IF_ERROR(verify_after("the last", graph));
  return reports;
}

}  // namespace tegula::compiler
