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

struct PassOptions;

/// What a pass that a compilation brings along does. Returns whether the graph changed.
using GraphChange = std::function<Result<bool>(Graph& graph)>;

/// One row of the pipeline (passes/pipeline.cpp). `run` returns whether the graph changed.
struct PassRow {
  std::string_view name;
  Result<bool> (*run)(Graph& graph);
  bool required = false;                        ///< lowering depends on it: cannot be switched off
  GraphChange PassOptions::* chosen = nullptr;  ///< instead of `run`: what the options hold; nothing when that is empty
};

std::span<const PassRow> pipeline();

struct PassOptions {
  std::vector<std::string> disabled;    ///< names; an unknown or required one is kInvalidArgument
  std::vector<std::string> dump_after;  ///< names, or "all", or "import"
  bool verify_each = false;             ///< verify() after every pass, not only at the end
  std::function<void(std::string_view pass, const std::string& text)> dump;
  ReportProgress progress = {};
  GraphChange drop_quantization = {};  ///< takes the model's own quantization out
  GraphChange quantize = {};  ///< the row of this name: puts quantize and dequantize around what is to be integer
  /// The row of this name: gives values and products types of bf16 where that is safe
  /// (compiler/precision/assign_bf16.h).
  GraphChange assign_bf16 = {};
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
