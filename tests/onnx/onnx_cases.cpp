// Runs the ONNX project's own test cases (folders of model.onnx and test_data_set_N/{input,output}_K.pb) through the
// whole path in this process: import, pipeline, program file in memory, bind, run. Each case in a child process with a
// time limit, so that a crash or a hang is a verdict rather than the end.
//
//   onnx_cases ROOT... [--filter TEXT] [--dynamic] [--expect FILE] [--write FILE] [--verbose]
//
// --dynamic    every dimension of every input becomes a symbol of its own first
// --expect     a file with one case a line: each must pass; exit 1 names those that do not
// --write      writes the cases that pass, sorted
// Exit 0: none wrong, crashed or hung, and every expected case passed. 77: ROOT does not exist (skipped).
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/driver/compile.h"
#include "tegula/instance.h"
#include "tegula/program.h"
#include "tests/support/literal_pb.h"
#include "tests/support/onnx_case_folders.h"

namespace fs = std::filesystem;
using namespace tegula;
using compiler::Literal;

namespace {

constexpr double kRelative = 1e-3;  // ONNX's own tolerances, onnx/backend/test/runner
constexpr double kAbsolute = 1e-7;
constexpr unsigned kSecondsPerCase = 60;

enum Verdict : int { kPass = 0, kUnsupported = 1, kWrong = 2, kCrash = 3, kHang = 4 };
constexpr const char* kVerdictNames[] = {"pass", "unsupported", "WRONG", "CRASH", "HANG"};

struct Outcome {
  Verdict verdict = kPass;
  std::string detail;
};

Outcome from_error(const Error& error, const char* stage, bool may_be_unsupported) {
  const bool unsupported = may_be_unsupported && error.code != ErrorCode::kInternal;
  return {unsupported ? kUnsupported : kWrong, concat(stage, ": ", error.message)};
}

std::string compare(const Literal& want, DType dtype, const Dims& dims, const std::vector<std::byte>& got) {
  if (dtype != want.dtype()) return concat("type ", name_of(dtype), " for ", name_of(want.dtype()));
  if (dims != want.dims()) return concat("shape ", to_string(dims), " for ", to_string(want.dims()));
  if (!is_float(dtype))
    return got.empty() || std::memcmp(got.data(), want.bytes().data(), want.bytes().size()) == 0 ? ""
                                                                                                 : "integer values";
  const std::vector<double> a = Literal(dtype, dims, got, nullptr).to_doubles(), b = want.to_doubles();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (a[i] == b[i]) continue;
    if (!(std::abs(a[i] - b[i]) <= kAbsolute + kRelative * std::abs(b[i])))
      return concat("element ", i, ": ", a[i], " for ", b[i]);
  }
  return "";
}

/// The K-th file of a data set, in order, as long as there are any.
Result<std::vector<Literal>> read_set(const fs::path& folder, const char* prefix) {
  std::vector<Literal> tensors;
  for (int k = 0;; ++k) {
    const fs::path file = folder / (prefix + std::to_string(k) + ".pb");
    if (!fs::exists(file)) return tensors;
    TEGULA_ASSIGN_OR_RETURN(auto tensor, test::read_literal_pb(file));
    tensors.push_back(std::move(tensor));
  }
}

/// Integer inputs of at most one dimension as constants, for models whose axes and the like are inputs.
std::map<std::string, Literal> small_integers(const std::vector<std::string>& names, const fs::path& set) {
  std::map<std::string, Literal> constants;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto tensor = test::read_literal_pb(set / concat("input_", i, ".pb"));
    if (tensor.ok() && !is_float(tensor->dtype()) && tensor->dims().size() <= 1) constants.emplace(names[i], *tensor);
  }
  return constants;
}

Outcome run_case(const fs::path& folder, bool dynamic) {
  compiler::ImportOptions import_options;
  auto imported = compiler::import_onnx(folder / "model.onnx", import_options);
  const auto names = compiler::onnx_inputs(folder / "model.onnx");
  if (!names.ok()) return from_error(names.error(), "import", true);
  if (!imported.ok() && imported.error().code == ErrorCode::kUnsupported && !dynamic) {
    import_options.constants = small_integers(*names, folder / "test_data_set_0");
    auto with_constants = compiler::import_onnx(folder / "model.onnx", import_options);
    if (with_constants.ok()) imported = std::move(with_constants);
  }
  if (!imported.ok()) return from_error(imported.error(), "import", true);
  if (dynamic) {
    for (const compiler::Value* input : imported->graph.inputs())
      import_options.shapes[input->name] = std::vector<std::string>(input->shape.size(), "?");
    imported = compiler::import_onnx(folder / "model.onnx", import_options);
    if (!imported.ok()) return from_error(imported.error(), "import", true);
  }
  compiler::PassOptions pass_options;
  pass_options.verify_each = true;
  const auto passes = run_pipeline(imported->graph, pass_options);
  if (!passes.ok()) return from_error(passes.error(), "passes", true);
  const auto bytes = write_program(imported->graph, imported->info, {});
  if (!bytes.ok()) return from_error(bytes.error(), "write", true);
  const auto program = Program::open(std::span<const std::byte>(*bytes));
  if (!program.ok()) return from_error(program.error(), "open", false);
  auto instance = Instance::create(*program, {.threads = 1});
  if (!instance.ok()) return from_error(instance.error(), "create", false);

  std::vector<fs::path> sets;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("test_data_set_")) sets.push_back(entry.path());
  std::sort(sets.begin(), sets.end());
  for (const fs::path& set : sets) {
    const auto inputs = read_set(set, "input_"), wants = read_set(set, "output_");
    if (!inputs.ok()) return from_error(inputs.error(), "data", true);
    if (!wants.ok()) return from_error(wants.error(), "data", true);
    std::vector<NamedInput> feeds;
    for (const TensorInfo& input : program->inputs()) {
      const auto index = static_cast<std::size_t>(std::find(names->begin(), names->end(), input.name) - names->begin());
      if (index >= inputs->size()) return {kUnsupported, concat("data: none for input '", input.name, "'")};
      const Literal& literal = (*inputs)[index];
      feeds.push_back({input.name, ConstTensorRef(literal.dtype(), literal.dims(), literal.bytes().data())});
    }
    const auto shapes = instance->output_shapes(feeds);
    if (!shapes.ok()) return from_error(shapes.error(), "bind", false);
    std::vector<std::vector<std::byte>> buffers;
    std::vector<NamedOutput> results;
    for (std::size_t i = 0; i < shapes->size(); ++i) {
      const TensorInfo& info = program->outputs()[i];
      buffers.emplace_back(static_cast<std::size_t>(element_count((*shapes)[i])) * size_of(info.dtype));
    }
    for (std::size_t i = 0; i < shapes->size(); ++i)
      results.push_back({program->outputs()[i].name, {program->outputs()[i].dtype, (*shapes)[i], buffers[i].data()}});
    if (const Status status = instance->run(feeds, results); !status.ok())
      return from_error(status.error(), "run", false);
    for (std::size_t i = 0; i < wants->size(); ++i) {
      if (i >= results.size()) return {kWrong, concat("output ", i, " is missing")};
      const std::string difference = compare((*wants)[i], results[i].tensor.dtype, results[i].tensor.dims, buffers[i]);
      if (!difference.empty()) return {kWrong, concat("output ", program->outputs()[i].name, ": ", difference)};
    }
  }
  return {};
}

/// run_case in a child, whose last words come through a pipe.
Outcome run_in_child(const fs::path& folder, bool dynamic) {
  int ends[2];
  if (pipe(ends) != 0) return {kCrash, "no pipe"};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    alarm(kSecondsPerCase);
    const Outcome outcome = run_case(folder, dynamic);
    const std::string text = outcome.detail.substr(0, 4000);
    if (write(ends[1], text.data(), text.size()) < 0) _exit(kCrash);
    _exit(outcome.verdict);
  }
  close(ends[1]);
  Outcome outcome;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    outcome.detail.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    outcome.verdict = WTERMSIG(status) == SIGALRM ? kHang : kCrash;
    outcome.detail = concat("signal ", WTERMSIG(status));
  } else {
    outcome.verdict = WEXITSTATUS(status) <= kHang ? static_cast<Verdict>(WEXITSTATUS(status)) : kCrash;
  }
  std::replace(outcome.detail.begin(), outcome.detail.end(), '\n', ' ');
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> roots;
  std::string filter, expect_file, write_file;
  bool dynamic = false, verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto next = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
    if (argument == "--filter")
      filter = next();
    else if (argument == "--expect")
      expect_file = next();
    else if (argument == "--write")
      write_file = next();
    else if (argument == "--dynamic")
      dynamic = true;
    else if (argument == "--verbose")
      verbose = true;
    else
      roots.emplace_back(argument);
  }
  const auto cases = test::onnx_case_folders(roots, filter);
  if (!cases) return 77;

  std::map<Verdict, int> counts;
  std::set<std::string> passed;
  for (const fs::path& folder : *cases) {
    const Outcome outcome = run_in_child(folder, dynamic);
    ++counts[outcome.verdict];
    const std::string name = folder.filename().string();
    if (outcome.verdict == kPass) passed.insert(name);
    if (verbose || outcome.verdict >= kWrong)
      std::printf("%-11s %s %s\n", kVerdictNames[outcome.verdict], name.c_str(), outcome.detail.c_str());
  }
  int failures = counts[kWrong] + counts[kCrash] + counts[kHang];
  if (!expect_file.empty()) {
    std::ifstream lines(expect_file);
    if (!lines) {
      std::printf("cannot read %s\n", expect_file.c_str());
      return 2;
    }
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line[0] == '#' || line.find(filter) == std::string::npos || passed.contains(line)) continue;
      std::printf("DROPPED     %s passed before and does not now\n", line.c_str());
      ++failures;
    }
  }
  if (!write_file.empty()) {
    std::ofstream lines(write_file);
    for (const std::string& name : passed) lines << name << '\n';
  }
  std::printf("%d pass, %d unsupported, %d wrong, %d crashed, %d hung of %zu\n", counts[kPass], counts[kUnsupported],
              counts[kWrong], counts[kCrash], counts[kHang], cases->size());
  return failures == 0 ? 0 : 1;
}
