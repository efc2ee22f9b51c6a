#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/progress.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// One row of the pipeline (passes/pipeline.cpp). `run` returns whether the graph changed.
struct PassRow {
  std::string_view name;
  Result<bool> (*run)(Graph& graph);
  bool required = false;  ///< lowering depends on it: cannot be switched off
};

std::span<const PassRow> pipeline();

struct PassOptions {
  std::vector<std::string> disabled;    ///< names; an unknown or required one is kInvalidArgument
  std::vector<std::string> dump_after;  ///< names, or "all", or "import"
  bool verify_each = false;             ///< verify() after every pass, not only at the end
  std::function<void(std::string_view pass, const std::string& text)> dump;
  ReportProgress progress = {};
};

/// What the runner saw of one pass.
struct PassReport {
  std::string name;
  bool disabled = false;
  bool changed = false;
  double milliseconds = 0;
  int64_t nodes_before = 0, nodes_after = 0;
};

/// Runs the rows that are not disabled, in order, with dumps and verification as `options` say. Always verifies at the
/// end.
Result<std::vector<PassReport>> run_passes(std::span<const PassRow> rows, Graph& graph, const PassOptions& options);
/// The same for pipeline().
Result<std::vector<PassReport>> run_pipeline(Graph& graph, const PassOptions& options);

}  // namespace tegula::compiler
