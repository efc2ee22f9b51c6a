#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/data/files.h"
#include "compiler/graph/graph.h"
#include "compiler/passes/pass.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// What the importer needs to know beyond the file.
struct ImportOptions {
  /// Symbols fixed ("batch" -> {8,8}) or ranged ("batch" -> {1,64}), by name.
  std::map<std::string, std::pair<int64_t, int64_t>> dims = {};
  /// Input shapes to use instead of the file's: numbers, symbol names or expressions; "?" makes a fresh symbol. By
  /// input.
  std::map<std::string, std::vector<std::string>> shapes = {};
  /// Inputs that become constants: axes and the like, which a program cannot read when it runs. By input; the type and
  /// the rank must be the file's.
  std::map<std::string, Literal> constants = {};
};

/// Where a graph came from, for provenance.
struct ModelInfo {
  std::string file_name, producer;
  uint64_t xxh3 = 0;
  int64_t opset = 0;
  int64_t nodes = 0;  ///< of the model's main graph
};

struct ImportedModel {
  Graph graph;
  ModelInfo info;
};

/// Reads an ONNX file (and its external data, which must lie in the model's folder). kUnsupported lists every node that
/// cannot be imported, one per line; kInvalidFile says what is wrong with the file.
Result<ImportedModel> import_onnx(const std::filesystem::path& path, const ImportOptions& options = {});
/// The same from a serialized ModelProto in memory; external data is refused.
Result<ImportedModel> import_onnx_bytes(std::string_view bytes, const ImportOptions& options = {});

/// The names of a model's inputs (initializers are none), in the file's order; nothing else of the model is looked at.
Result<std::vector<std::string>> onnx_inputs(const std::filesystem::path& path);

/// ModelInfo::xxh3 of a file, without importing it.
Result<uint64_t> onnx_xxh3(const std::filesystem::path& path);

struct WriteOptions {
  bool compress = false;          ///< zstd per segment
  std::string configuration;      ///< JSON for provenance
  uint64_t calibration_xxh3 = 0;  ///< of the calibration data, for provenance; 0: none
  ReportProgress progress = {};
};

/// What a program file holds.
struct WriteReport {
  int64_t steps = 0;
  std::map<std::string, int64_t> step_kinds;  ///< by attribute table: "Gemm", "Conv", ...
  uint64_t constant_bytes = 0;                ///< of weights and other constants, each content once
};

/// Lowers a graph that went through the pipeline and writes the program file: to a temporary file beside `path`,
/// renamed over it only when complete.
Status write_program(const Graph& graph, const ModelInfo& info, const WriteOptions& options,
                     const std::filesystem::path& path, WriteReport* report = nullptr);
/// The same to a sink; `folder` takes a temporary file of the constants.
Status write_program(const Graph& graph, const ModelInfo& info, const WriteOptions& options,
                     const std::filesystem::path& folder, const data::FileSink& sink);
/// The same into memory, for tests.
Result<std::vector<std::byte>> write_program(const Graph& graph, const ModelInfo& info, const WriteOptions& options,
                                             WriteReport* report = nullptr);

struct CompileOptions {
  ImportOptions import;
  PassOptions passes;
  WriteOptions write;
  std::function<Status(const Graph&)>
      see_graph;  ///< shown the graph after the last pass; an error ends the compilation
};

struct CompileReport {
  std::vector<PassReport> passes;
  std::vector<std::string> notes;
  int64_t onnx_nodes = 0;
  WriteReport written;
};

/// import_onnx, run_pipeline, write_program.
Result<CompileReport> compile(const std::filesystem::path& model, const std::filesystem::path& output,
                              const CompileOptions& options);

}  // namespace tegula::compiler
