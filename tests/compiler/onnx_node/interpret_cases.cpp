// The ONNX project's own cases (folders of model.onnx and test_data_set_N/{input,output}_K.pb) through the importer and
// the reference interpreter: what an operator means, before any pass or kernel has a say.
//
//   interpret_cases ROOT... [--filter TEXT] [--verbose] [--list VERDICT]
//
// A case whose import needs an integer input as a constant (axes, shapes) is tried again with those inputs as
// constants. Exit 0: none wrong. 77: a ROOT does not exist (skipped).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/graph/bind_symbols.h"
#include "compiler/ops/interpret.h"
#include "tests/support/literal_pb.h"
#include "tests/support/onnx_case_folders.h"

namespace fs = std::filesystem;
using namespace tegula;
using compiler::Literal;

namespace {

constexpr double kRelative = 1e-3;  // ONNX's own tolerances, onnx/backend/test/runner
constexpr double kAbsolute = 1e-7;

enum class Verdict { kPass, kUnsupported, kWrong };
constexpr const char* kNames[] = {"pass", "unsupported", "WRONG"};

struct Outcome {
  Verdict verdict = Verdict::kPass;
  std::string detail;
};

/// The K-th tensors of a data set, as long as there are any; the messages of those that cannot be read.
std::vector<Result<Literal>> read_set(const fs::path& folder, const char* prefix) {
  std::vector<Result<Literal>> tensors;
  for (int k = 0;; ++k) {
    const fs::path file = folder / (prefix + std::to_string(k) + ".pb");
    if (!fs::exists(file)) return tensors;
    tensors.push_back(test::read_literal_pb(file));
  }
}

std::string compare(const Literal& want, const Literal& got) {
  if (got.dtype() != want.dtype()) return concat("type ", name_of(got.dtype()), " for ", name_of(want.dtype()));
  if (got.dims() != want.dims()) return concat("shape ", to_string(got.dims()), " for ", to_string(want.dims()));
  if (!is_float(want.dtype())) {
    const std::vector<int64_t> a = got.to_ints(), b = want.to_ints();
    for (std::size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return concat("element ", i, ": ", a[i], " for ", b[i]);
    return "";
  }
  const std::vector<double> a = got.to_doubles(), b = want.to_doubles();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if ((std::isnan(a[i]) && std::isnan(b[i])) || a[i] == b[i]) continue;
    if (!(std::abs(a[i] - b[i]) <= kAbsolute + kRelative * std::abs(b[i])))
      return concat("element ", i, ": ", a[i], " for ", b[i]);
  }
  return "";
}

/// Whether an input that is no integer decides shapes: symbols are bound to integers here.
bool has_real_shape_inputs(const compiler::Graph& graph) {
  return std::any_of(graph.inputs().begin(), graph.inputs().end(),
                     [](const compiler::Value* input) { return input->contents && is_float(input->dtype); });
}

/// Small inputs of at most one dimension as constants: axes, shapes, scales.
std::map<std::string, Literal> small_inputs(const std::vector<std::string>& names, const fs::path& set) {
  constexpr int64_t kMostFloats = 8;
  std::map<std::string, Literal> constants;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto tensor = test::read_literal_pb(set / concat("input_", i, ".pb"));
    if (!tensor.ok() || tensor->dims().size() > 1) continue;
    if (!is_float(tensor->dtype()) || tensor->count() <= kMostFloats) constants.emplace(names[i], *tensor);
  }
  return constants;
}

Outcome run_set(const fs::path& model, const fs::path& set) {
  const auto names = compiler::onnx_inputs(model);
  if (!names.ok()) return {Verdict::kWrong, names.error().message};
  auto imported = compiler::import_onnx(model);
  if (imported.ok() ? has_real_shape_inputs(imported->graph) : imported.error().code == ErrorCode::kUnsupported) {
    compiler::ImportOptions options;
    options.constants = small_inputs(*names, set);
    auto again = compiler::import_onnx(model, options);
    if (again.ok()) imported = std::move(again);
  }
  if (!imported.ok())
    return {imported.error().code == ErrorCode::kUnsupported ? Verdict::kUnsupported : Verdict::kWrong,
            imported.error().message};
  compiler::Graph& graph = imported->graph;
  if (const Status status = verify(graph); !status.ok()) return {Verdict::kWrong, status.error().message};

  const auto tensors = read_set(set, "input_");
  std::vector<Literal> inputs;
  std::map<std::string, int64_t> symbols;
  for (const compiler::Value* input : graph.inputs()) {
    const auto index = static_cast<std::size_t>(std::find(names->begin(), names->end(), input->name) - names->begin());
    if (index >= tensors.size()) return {Verdict::kUnsupported, concat("no data for input '", input->name, "'")};
    if (!tensors[index].ok()) return {Verdict::kUnsupported, tensors[index].error().message};
    const Literal& literal = *tensors[index];
    for (std::size_t d = 0; d < input->shape.size() && d < literal.dims().size(); ++d)
      if (const auto symbol = input->shape[d].symbol_name()) symbols[*symbol] = literal.dims()[d];
    if (input->contents) {
      const std::vector<int64_t> elements = literal.to_ints();
      for (std::size_t i = 0; i < elements.size() && i < input->contents->size(); ++i)
        if (const auto symbol = (*input->contents)[i].symbol_name()) symbols[*symbol] = elements[i];
    }
    inputs.push_back(literal);
  }
  if (const Status status = bind_symbols(graph, symbols); !status.ok())
    return {Verdict::kWrong, status.error().message};
  const auto outputs = interpret(graph, inputs);
  if (!outputs.ok())
    return {outputs.error().code == ErrorCode::kUnsupported ? Verdict::kUnsupported : Verdict::kWrong,
            outputs.error().message};
  const auto wants = read_set(set, "output_");
  for (std::size_t i = 0; i < wants.size() && i < outputs->size(); ++i) {
    if (!wants[i].ok()) return {Verdict::kUnsupported, wants[i].error().message};
    const std::string difference = compare(*wants[i], (*outputs)[i]);
    if (!difference.empty()) return {Verdict::kWrong, concat("output ", graph.outputs()[i].first, ": ", difference)};
  }
  return {};
}

Outcome run_case(const fs::path& folder) {
  std::vector<fs::path> sets;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("test_data_set_")) sets.push_back(entry.path());
  std::sort(sets.begin(), sets.end());
  Outcome outcome;
  for (const fs::path& set : sets) {
    try {
      outcome = run_set(folder / "model.onnx", set);
    } catch (const std::exception& error) {
      outcome = {Verdict::kWrong, concat("exception: ", error.what())};
    }
    if (outcome.verdict != Verdict::kPass) break;
  }
  std::replace(outcome.detail.begin(), outcome.detail.end(), '\n', ' ');
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> roots;
  std::string filter;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--filter" && i + 1 < argc)
      filter = argv[++i];
    else if (argument == "--verbose")
      verbose = true;
    else
      roots.emplace_back(argument);
  }
  const auto cases = test::onnx_case_folders(roots, filter);
  if (!cases) return 77;
  std::map<Verdict, int> counts;
  for (const fs::path& folder : *cases) {
    const Outcome outcome = run_case(folder);
    ++counts[outcome.verdict];
    if (verbose || outcome.verdict == Verdict::kWrong)
      std::printf("%-11s %s %s\n", kNames[static_cast<int>(outcome.verdict)], folder.filename().c_str(),
                  outcome.detail.c_str());
  }
  std::printf("%d pass, %d unsupported, %d wrong of %zu\n", counts[Verdict::kPass], counts[Verdict::kUnsupported],
              counts[Verdict::kWrong], cases->size());
  return counts[Verdict::kWrong] == 0 ? 0 : 1;
}
